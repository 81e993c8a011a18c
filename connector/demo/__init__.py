"""The main job on an invented shop and the plugins' sandboxes; see `story.play`."""
