"""What the connector needs of this database, beside the desk's own tables."""

from django.db import models


class Kept(models.Model):
    """A fact about this database that one state of the connector knows, by name."""

    name = models.CharField(max_length=80, primary_key=True)
    value = models.CharField(max_length=80)


class Noted(models.Model):
    """A record that changed since the last sync. Ids only grow, and none is given twice."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=40)


class Applied(models.Model):
    """A write of the connector's that landed here: in the transaction of the record itself."""

    intent = models.CharField(max_length=32, primary_key=True)
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=40)
    op = models.CharField(max_length=10)

    class Meta:
        indexes = (models.Index(fields=["kind", "key"], name="crm_applied_key"),)
