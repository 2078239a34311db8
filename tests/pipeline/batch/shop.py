"""Tables for the small serving folder: users of every kind, and a configuration that reads them."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from modules import config, strict
from tests.serving import small_serving

START = 1_700_000_000  # Unix seconds
# anna's latest three, of which two at one time; ben, the last of all; a newcomer without a profile
EVENTS = f"""\
visitor,product,when,rating,device
ben,m6,{START + 40},4,app
anna,m1,{START},5,web
anna,m2,{START + 10},,app
anna,m0,{START + 10},1,
new,m8,{START + 20},3,web
far,gone,{START + 30},2,web
"""
USERS = """\
visitor,age,gender,interests
anna,30,F,tea books
ben,,M,
quiet,50,F,tea
"""


def configuration(
    folder: pathlib.Path,
    events: str = EVENTS,
    users: str = USERS,
    **sections: Mapping[str, object],
) -> config.Config:
    """Writes the tables and returns the configuration; `sections` replace the defaults."""
    folder.mkdir(parents=True, exist_ok=True)
    items = "".join(f"{i},Item,1,even,\n" for i in small_serving.ITEMS)
    texts = {"events": events, "users": users, "items": f"product,name,price,group,tags\n{items}"}
    data = strict.to_plain(small_serving.DATA)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        data[name] |= {"path": str(folder / f"{name}.csv"), "format": "csv"}
    data |= {"unknown_user": "keep", "unknown_item": "keep"}
    plain = {"name": small_serving.NAME, "data": data, "features": {"max_history": 5}, **sections}
    return strict.read(config.Config, plain)
