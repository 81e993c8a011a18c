"""The client of AWS KMS, which brings its own way to the network."""

from __future__ import annotations

import importlib
from typing import Any

from connector.errors import SettingsError


def kms_client(region: str | None, timeout_s: float) -> Any:
    """boto3's `kms` client, with the machine's own credentials. Raises: SettingsError without it.

    boto3 is imported here and not above: it is large, and wanted by few.
    """
    try:
        boto3 = importlib.import_module("boto3")
        config = importlib.import_module("botocore.config")
    except ImportError:
        raise SettingsError(
            'provider = "aws-kms" needs boto3, which is not installed.',
            hint="Install crm-connector[aws].",
        ) from None
    waits = config.Config(
        connect_timeout=timeout_s, read_timeout=timeout_s, retries={"total_max_attempts": 3}
    )
    try:
        return boto3.client("kms", region_name=region, config=waits)
    except Exception as error:  # its classes are known only where it is installed
        raise SettingsError(
            f"The client of AWS KMS cannot be opened ({type(error).__name__}).",
            hint="See [keys.aws_kms] region and the machine's AWS settings.",
        ) from None
