"""Keeps a back office's customers, memberships and feedback in step with a CRM, both ways."""
