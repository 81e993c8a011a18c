"""A back office on Django. `desk` is its work, `crm` keeps that in step with a CRM."""
