"""A strict, stateful stand-in of Zoho CRM over real HTTP; its page is the plugin's README."""
