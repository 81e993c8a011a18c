"""Has every saved and deleted record noted, whoever saves it."""

from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "backoffice.crm"

    def ready(self) -> None:
        from backoffice.crm import noting

        noting.begin()
