"""Names of features, as models and requests have them."""

from __future__ import annotations

import pytest

from modules import config, features, strict


@pytest.mark.parametrize(
    ("table", "column", "name"),
    [
        ("user", "age", "user_age"),
        ("user", "Age", "user_age"),
        ("user", "user_age", "user_age"),
        ("user", "User_Age", "user_age"),
        ("event", "UnitPrice", "event_unitprice"),
    ],
)
def test_feature_name(table: features.TableName, column: str, name: str) -> None:
    assert features.feature_name(table, column) == name


def test_columns_that_differ_in_capitals_alone_would_share_a_name() -> None:
    columns = {
        "u": "user_id",
        "i": "item_id",
        "t": "timestamp",
        "Price": "numeric",
        "price": "numeric",
    }
    data = strict.read(config.Data, {"events": {"path": "e.csv", "columns": columns}})
    with pytest.raises(config.ConfigError, match="its name in the model would be 'event_price'"):
        features.check_names(data)
