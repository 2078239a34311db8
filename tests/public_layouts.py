"""Tiny samples of public data sets in the layout of the originals, to test the examples with.

Each function writes the files that its example reads, as the publisher writes them, with what is
odd about them: quotes, encodings, missing ids, cancelled invoices. All have 40 users with 12 events
each of 50 items; rows that do not count come on top.
"""

from __future__ import annotations

import csv
import dataclasses
import datetime
import gzip
import json
import pathlib
import zoneinfo
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import parquet

USERS, ITEMS, EVENTS = 40, 50, 480
Visit = tuple[int, int, int]  # user from 0, item from 0, Unix seconds


@dataclasses.dataclass(frozen=True)
class Sample:
    """What has to be read of a sample.

    Attributes:
      user: id of the first user.
      history: the first user's items, in the order of time.
      first_time: of the first user's first event, in Unix seconds; None: the files have no time.
      item: raw features of one item in the catalogue, and its id.
      profile: raw features of the first user.
      users, items, events: how many there are.
    """

    user: str
    history: Sequence[str]
    first_time: int | None
    item: Mapping[str, Any]
    profile: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    users: int = USERS
    items: int = ITEMS
    events: int = EVENTS


def visits(start: str = "2019-11-11T09:05:58", step: int = 7200) -> list[Visit]:
    """12 events of each user, every `step` seconds; a user starts a minute after the one before."""
    first = int(datetime.datetime.fromisoformat(f"{start}+00:00").timestamp())
    return [
        (user, (7 * user + 11 * n) % ITEMS, first + 60 * user + step * n)
        for user in range(USERS)
        for n in range(12)
    ]


def _history(name: Callable[[int], str]) -> list[str]:
    return [name(11 * n % ITEMS) for n in range(12)]


def _when(seconds: int, form: str, zone: str = "UTC") -> str:
    return datetime.datetime.fromtimestamp(seconds, zoneinfo.ZoneInfo(zone)).strftime(form)


def _lines(path: pathlib.Path, lines: Iterable[str], encoding: str = "utf-8") -> None:
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))


def _rows(path: pathlib.Path, rows: Iterable[Sequence[Any]], **form: Any) -> None:
    encoding = form.pop("encoding", "utf-8")
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, **{"lineterminator": "\n", **form}).writerows(rows)


def _json_lines(path: pathlib.Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def ml_100k(folder: pathlib.Path) -> Sample:
    """u.data with tabs, u.user and u.item with pipes, a flag for each genre, titles in Latin-1."""
    rows = (f"{u + 1}\t{i + 1}\t{1 + i % 5}\t{t}" for u, i, t in visits("1997-09-20T00:00:00"))
    _lines(folder / "u.data", rows)
    people = (f"{u + 1}|{20 + u}|{'MF'[u % 2]}|technician|8571{u % 10}" for u in range(USERS))
    _lines(folder / "u.user", people)
    movies = [
        f"{i + 1}|Misérables, Les ({1950 + i})|01-Jan-{1950 + i}||http://us.imdb.com/M/title-exact?{i}|"
        + "|".join("1" if genre == i % 19 else "0" for genre in range(19))
        for i in range(ITEMS)
    ]
    movies[11] = "12|unknown||||1|" + "|".join("0" * 18)
    _lines(folder / "u.item", movies, "latin-1")
    return Sample(
        "1",
        _history(lambda i: str(i + 1)),
        874713600,
        {"item_id": ["3"], "item_title": ["Misérables, Les (1952)"], "item_adventure": [1.0]},
        {"user_age": [20.0], "user_gender": ["M"], "user_occupation": ["technician"]},
    )


def ml_1m(folder: pathlib.Path) -> Sample:
    """Two colons between the columns, no headers, titles in Latin-1."""
    rows = (f"{u + 1}::{i + 1}::{1 + i % 5}::{t}" for u, i, t in visits("2000-12-31T22:12:40"))
    _lines(folder / "ratings.dat", rows)
    people = (f"{u + 1}::{'FM'[u % 2]}::{25}::{u % 21}::4806{u % 10}" for u in range(USERS))
    _lines(folder / "users.dat", people)
    movies = (
        f"{i + 1}::Cité des enfants perdus, La: Part {i} (1995)::Adventure|Sci-Fi"
        for i in range(ITEMS)
    )
    _lines(folder / "movies.dat", movies, "latin-1")
    return Sample(
        "1",
        _history(lambda i: str(i + 1)),
        978300760,
        {
            "item_id": ["1"],
            "item_title": ["Cité des enfants perdus, La: Part 0 (1995)"],
            "item_genres": ["Adventure", "Sci-Fi"],
        },
        {"user_gender": ["F"], "user_age": ["25"], "user_occupation": ["0"]},
    )


def ml_latest(folder: pathlib.Path) -> Sample:
    """CSV with headers, quoted titles, movies without a genre."""
    rows = ([u + 1, i + 1, 0.5 + i % 5, t] for u, i, t in visits())
    _rows(folder / "ratings.csv", [["userId", "movieId", "rating", "timestamp"], *rows])
    movies = [[i + 1, f'American "President", The ({i})', "Comedy|Drama"] for i in range(ITEMS)]
    movies[1][2] = "(no genres listed)"
    _rows(folder / "movies.csv", [["movieId", "title", "genres"], *movies], lineterminator="\r\n")
    return Sample(
        "1",
        _history(lambda i: str(i + 1)),
        1573463158,
        {"item_id": ["2"], "item_title": ['American "President", The (1)'], "item_genres": []},
    )


def movietweetings(folder: pathlib.Path) -> Sample:
    """Ids of IMDb with zeros in front, movies without genres."""
    rows = (f"{u + 1}::{114000 + i:07}::{i % 11}::{t}" for u, i, t in visits("2013-10-05T21:00:50"))
    _lines(folder / "ratings.dat", rows)
    movies = [f"{114000 + i:07}::Le manoir n° {i} (1896)::Short|Horror" for i in range(ITEMS)]
    movies[1] = "0114001::Edison Kinetoscopic Record of a Sneeze (1894)::"
    _lines(folder / "movies.dat", movies)
    return Sample(
        "1",
        _history(lambda i: f"0{114000 + i}"),
        1381006850,
        {
            "item_id": ["0114002"],
            "item_title": ["Le manoir n° 2 (1896)"],
            "item_genres": ["Short", "Horror"],
        },
    )


def amazon_reviews_2014(folder: pathlib.Path) -> Sample:
    """JSON lines; products as dicts of Python with lists in lists, gaps and quotes."""
    reviews = (
        {
            "reviewerID": f"A{u:013}",
            "asin": f"B{i:09}",
            "reviewerName": "Annie Jeancola",
            "helpful": [0, 0],
            "reviewText": "Very oily \u2014 creamy.\nNot at all like it.",
            "overall": 1.0 + i % 5,
            "summary": "",
            "unixReviewTime": t - t % 86400,
            "reviewTime": _when(t, "%m %d, %Y"),
        }
        for u, i, t in visits("2014-01-30T00:00:00", step=86400)
    )
    _json_lines(folder / "reviews_Beauty_5.json.gz", reviews)
    products = (
        {
            "asin": f"B{i:09}",
            **({"title": f'Men\'s "Care" {i}', "price": 4.5} if i % 2 else {}),
            "related": {"also_bought": ["B000000002"]},
            "salesRank": {"Beauty": i},
            "brand": "",
            "categories": [["Beauty", "Hair Care"], ["Beauty"]],
        }
        for i in range(ITEMS)
    )
    with gzip.open(folder / "meta_Beauty.json.gz", "wt", encoding="utf-8") as stream:
        stream.writelines(f"{product!r}\n" for product in products)
    return Sample(
        f"A{0:013}",
        _history(lambda i: f"B{i:09}"),
        1391040000,
        {
            "item_id": ["B000000001"],
            "item_title": ['Men\'s "Care" 1'],
            "item_price": [4.5],
            "item_categories": ["Beauty", "Hair Care", "Beauty"],
        },
    )


def amazon_reviews_2018(folder: pathlib.Path) -> Sample:
    """JSON lines with texts of several lines, keys that only some lines have, products twice."""
    reviews = (
        {
            "overall": 1.0 + i % 5,
            **({"vote": "3"} if i % 3 else {}),
            "verified": i % 2 == 0,
            "reviewTime": _when(t, "%m %d, %Y"),
            "reviewerID": f"A{u:013}",
            "asin": f"B{i:09}",
            "style": {"Size:": " 7.0 oz"},
            "reviewerName": 'O"Neil',
            "reviewText": "Smells\nlike café, and\u2028stays.",
            "unixReviewTime": t - t % 86400,
        }
        for u, i, t in visits(step=86400)
    )
    _json_lines(folder / "All_Beauty_5.json.gz", reviews)
    products = [
        {
            "category": ["Beauty", "Hair & Care, daily"][: 1 + i % 2],
            "description": [],
            "title": f"Soap &amp; Water {i}",
            **({"brand": "Nivéa"} if i % 2 else {}),
            "price": "$10.00 - $20.00" if i % 2 else "",
            "asin": f"B{i:09}",
        }
        for i in range(ITEMS)
    ]
    _json_lines(folder / "meta_All_Beauty.json.gz", [*products, products[3]])
    return Sample(
        f"A{0:013}",
        _history(lambda i: f"B{i:09}"),
        1573430400,
        {
            "item_id": ["B000000001"],
            "item_title": ["Soap &amp; Water 1"],
            "item_brand": ["Nivéa"],
            "item_category": ["Beauty", "Hair & Care, daily"],
        },
    )


def amazon_reviews_2023(folder: pathlib.Path) -> Sample:
    """JSON lines with times in milliseconds, products' variants, nulls."""
    reviews = (
        {
            "rating": 1.0 + i % 5,
            "title": "Such a lovely scent",
            "text": "I love it.\nAnd so on.",
            "images": [{"small_image_url": "https://m.media-amazon.com/images/I/81FN4c0VHzL.jpg"}],
            "asin": f"V{i:09}",
            "parent_asin": f"B{i:09}",
            "user_id": f"AG{u:026}",
            "timestamp": 1000 * t + 923,
            "helpful_vote": 0,
            "verified_purchase": True,
        }
        for u, i, t in visits()
    )
    _json_lines(folder / "All_Beauty.jsonl.gz", reviews)
    products = (
        {
            "main_category": "All Beauty",
            "title": f"Howard LC{i:04} Leather Conditioner, 8-Ounce",
            "average_rating": 4.8,
            "price": None if i % 2 else "from 14.99",
            "store": "Howard Products" if i % 2 else None,
            "categories": [],
            "details": {"Package Dimensions": "7.1 x 5.5 inches"},
            "parent_asin": f"B{i:09}",
        }
        for i in range(ITEMS)
    )
    _json_lines(folder / "meta_All_Beauty.jsonl.gz", products)
    return Sample(
        f"AG{0:026}",
        _history(lambda i: f"B{i:09}"),
        1573463158,
        {
            "item_id": ["B000000001"],
            "item_title": ["Howard LC0001 Leather Conditioner, 8-Ounce"],
            "item_store": ["Howard Products"],
            "item_main_category": ["All Beauty"],
            "item_categories": [],
        },
    )


def retailrocket(folder: pathlib.Path) -> Sample:
    """Milliseconds, a transaction id that most rows lack; rows in no order of time."""
    actions = ("view", "addtocart", "transaction")
    rows = [
        f"{1000 * t + 827},{u},{actions[i % 3]},{i},{i if i % 3 == 2 else ''}"
        for u, i, t in visits("2015-06-02T05:02:12")
    ]
    _lines(
        folder / "events.csv", ["timestamp,visitorid,event,itemid,transactionid", *reversed(rows)]
    )
    return Sample("0", _history(str), 1433221332, {"item_id": ["3"]})


def yoochoose(folder: pathlib.Path) -> Sample:
    """ISO 8601 with milliseconds, no header."""
    rows = (
        f"{u + 1},{_when(t, '%Y-%m-%dT%H:%M:%S')}.277Z,{214536500 + i},{'S' if i % 2 else 0}"
        for u, i, t in visits("2014-04-07T10:51:09")
    )
    _lines(folder / "yoochoose-clicks.dat", rows)
    return Sample(
        "1", _history(lambda i: str(214536500 + i)), 1396867869, {"item_id": ["214536500"]}
    )


def taobao_userbehavior(folder: pathlib.Path) -> Sample:
    """No header, the four kinds of behaviour, a few times far outside, lines that end in CR LF."""
    kinds = ("pv", "pv", "cart", "fav", "buy")
    rows = [
        f"{u + 1},{2268318 + i},{2520377 + i % 3},{kinds[i % 5]},{t}"
        for u, i, t in visits("2017-11-24T17:00:00")
    ]
    rows[5:5] = ["1,2268318,2520377,pv,-2134949234", "2,2268319,2520377,buy,2122867355"]
    _lines(folder / "UserBehavior.csv", (f"{row}\r" for row in rows))
    return Sample("1", _history(lambda i: str(2268318 + i)), 1511542800, {"item_id": ["2268319"]})


def gowalla(folder: pathlib.Path) -> Sample:
    """Tabs, no header, ISO 8601; the newest first."""
    rows = [
        f"{u}\t{_when(t, '%Y-%m-%dT%H:%M:%SZ')}\t30.2359091167\t-97.7951395833\t{22800 + i}"
        for u, i, t in visits("2010-10-19T23:55:27")
    ]
    with gzip.open(folder / "loc-gowalla_totalCheckins.txt.gz", "wt") as stream:
        stream.writelines(f"{row}\n" for row in reversed(rows))
    return Sample("0", _history(lambda i: str(22800 + i)), 1287532527, {"item_id": ["22849"]})


def hm(folder: pathlib.Path) -> Sample:
    """Days, hexadecimal customers, articles with a zero in front, gaps in the profiles."""
    rows = (
        [_when(t, "%Y-%m-%d"), f"{u:064x}", f"{108775000 + i:010}", 0.0508 + i / 1000, 1 + i % 2]
        for u, i, t in visits("2018-09-20T00:00:00", step=86400)
    )
    header = ["t_dat", "customer_id", "article_id", "price", "sales_channel_id"]
    _rows(folder / "transactions_train.csv", [header, *rows])
    names = "customer_id FN Active club_member_status fashion_news_frequency age postal_code"
    people = [
        [f"{u:064x}", "1.0", "", "ACTIVE", "NONE", 49.0 if u % 2 else "", f"{u:064x}"]
        for u in range(USERS)
    ]
    people[1][2:5] = ["1.0", "", "Regularly"]
    _rows(folder / "customers.csv", [names.split(), *people])
    names = (
        "article_id product_code prod_name product_type_name product_group_name "
        "graphical_appearance_name colour_group_name department_name index_name section_name "
        "garment_group_name detail_desc"
    )
    same = ["Strap top", "Vest top", "Garment Upper body", "Solid", "Black", "Jersey Basic"]
    same += ["Ladieswear", "Womens Everyday Basics", "Jersey Basic", 'Jersey, "narrow" straps.']
    articles = ([f"{108775000 + i:010}", 108775, *same] for i in range(ITEMS))
    _rows(folder / "articles.csv", [names.split(), *articles])
    return Sample(
        f"{0:064x}",
        _history(lambda i: f"0{108775000 + i}"),
        1537401600,
        {
            "item_id": ["0108775001"],
            "item_title": ["Strap top"],
            "item_section_name": ["Womens Everyday Basics"],
        },
        {"user_fn": ["1.0"], "user_active": [""], "user_fashion_news_frequency": [""]},
    )


def online_retail(folder: pathlib.Path) -> Sample:
    """Times of the USA, pounds in Latin-1; rows without customer, cancelled and damaged ones."""
    header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

    def row(u: int, i: int, t: int, invoice: str, quantity: int, customer: object) -> list[Any]:
        moment = datetime.datetime.fromtimestamp(t, zoneinfo.ZoneInfo("Europe/London"))
        when = f"{moment.month}/{moment.day}/{moment.year} {moment.hour}:{moment:%M}"
        country = "United Kingdom" if u % 2 == 0 else "EIRE"
        what = f'HOLDER, "£{i}" SMALL'
        return [invoice, f"{85000 + i}A", what, quantity, when, 2.55, customer, country]

    bought = visits("2010-12-01T08:26:00")
    rows = [row(u, i, t, f"{536365 + 12 * u}", 6, 17850 + u) for u, i, t in bought]
    rows += [row(u, i, t, f"C{536365 + u}", -6, 17850 + u) for u, i, t in bought[::40]]
    rows += [row(u, i, t, f"{546365 + u}", 1, "") for u, i, t in bought[::20]]
    rows.append(["536414", "85001A", "", 56, "12/1/2010 11:52", 0, "", "United Kingdom"])
    rows.append(["536415", "85002A", "damaged", -3, "12/1/2010 11:53", 0, 17850, "United Kingdom"])
    _rows(folder / "data.csv", [header.split(","), *rows], encoding="latin-1")
    return Sample(
        "17850",
        _history(lambda i: f"{85000 + i}A"),
        1291191960,
        {"item_id": ["85001A"], "item_title": ['HOLDER, "£1" SMALL']},
        {"user_country": ["United Kingdom"]},
    )


def steam_200k(folder: pathlib.Path) -> Sample:
    """No header, no time, what was bought beside what was played, games with commas in quotes."""
    rows = []
    for u, i, _ in visits():
        game = f"Warhammer 40,000 Dawn of War {i}"
        rows.append([151603712 + u, game, "purchase", "1.0", 0])
        rows.append([151603712 + u, game, "play", f"{0.1 + i:.1f}", 0])
    _rows(folder / "steam-200k.csv", rows)
    return Sample(
        "151603712",
        _history(lambda i: f"Warhammer 40,000 Dawn of War {i}"),
        None,
        {"item_id": ["Warhammer 40,000 Dawn of War 7"]},
    )


def book_crossing(folder: pathlib.Path) -> Sample:
    r"""Semicolons, all in quotes, \" inside of them, Latin-1, NULL, books without a row."""

    def isbn(i: int) -> str:
        return f"0{340000000 + i}" if i else "034000000X"

    rows = [f'"{276725 + u}";"{isbn(i)}";"{i % 11}"' for u, i, _ in visits()]
    rows[-1] = rows[-1].replace('";"0', '";" 0')  # a space before the ISBN
    header = '"User-ID";"ISBN";"Book-Rating"'
    _lines(folder / "BX-Book-Ratings.csv", [header, *rows], "latin-1")
    people = [
        f'"{276725 + u}";"köln, nrw, germany";' + ("NULL" if u % 2 == 0 else f'"{18 + u}"')
        for u in range(USERS)
    ]
    _lines(folder / "BX-Users.csv", ['"User-ID";"Location";"Age"', *people], "latin-1")
    names = ("ISBN", "Book-Title", "Book-Author", "Year-Of-Publication", "Publisher")
    names += ("Image-URL-S", "Image-URL-M", "Image-URL-L")
    books = [
        f'"{isbn(i)}";"The \\"Real\\" Life; &amp; {i}\\"";"Rosemary \\"B.\\" Säger";"2002";'
        '"Harper";"http://s.jpg";"http://m.jpg";"http://l.jpg"'
        for i in range(ITEMS)
        if i not in (5, 6)
    ]
    header = ";".join(f'"{name}"' for name in names)
    _lines(folder / "BX-Books.csv", [header, *books], "latin-1")
    return Sample(
        "276725",
        _history(isbn),
        None,
        {
            "item_id": ["034000000X"],
            "item_title": ['The "Real" Life; &amp; 0"'],
            "item_author": ['Rosemary "B." Säger'],
            "item_year": [2002.0],
        },
        {"user_age": [0.0], "user_location": ["köln", "nrw", "germany"]},
    )


def kuairec(folder: pathlib.Path) -> Sample:
    """Times with fractions of a second, rows without a time, lists of Python."""
    header = "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio"
    rows = []
    for n, (u, i, t) in enumerate(visits("2020-07-05T00:08:23")):
        when = f"{_when(t, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai')}.438"
        day = _when(t, "%Y%m%d.0", "Asia/Shanghai")
        rows.append(f"{u},{i},13838,10867,{when},{day},{t}.438,1.273397")
        if n % 40 == 0:
            rows.append(f"{u},{i},1000,10867,{when},{day},{t}.438,0.09")
            rows.append(f"{u},{i},13838,10867,,,,1.3")
    _lines(folder / "big_matrix.csv", [header, *rows])
    names = (
        "user_id user_active_degree is_lowactive_period is_live_streamer is_video_author "
        "follow_user_num follow_user_num_range fans_user_num fans_user_num_range friend_user_num "
        "friend_user_num_range register_days register_days_range "
        + " ".join(f"onehot_feat{n}" for n in range(18))
    )
    people = (
        f'{u},high_active,0,0,1,{u},"(0,10]",2,"[1,10)",0,0,107,61-90,'
        + ",".join("" if n == 4 and u == 0 else str(n % 7) for n in range(18))
        for u in range(USERS)
    )
    _lines(folder / "user_features.csv", [",".join(names.split()), *people])
    tags = ("[8]", '"[27, 9]"')
    _lines(
        folder / "item_categories.csv",
        ["video_id,feat", *(f"{i},{tags[i % 2]}" for i in range(ITEMS))],
    )
    return Sample(
        "0",
        _history(str),
        1593907703,
        {"item_id": ["1"], "item_feat": ["27", "9"]},
        {"user_active_degree": ["high_active"], "user_register_days": [107.0]},
    )


def tenrec(folder: pathlib.Path) -> Sample:
    """No time; what was shown beside what was clicked; profiles in every row."""
    header = "user_id,item_id,click,follow,like,share,video_category,watching_times,gender,age"
    rows = []
    for u, i, _ in visits():
        profile = f"{1 + u % 2},{u % 8}"
        rows.append(f"{u + 1},{i + 60},0,0,0,0,{i % 2},0,{profile}")
        rows.append(f"{u + 1},{i + 50},1,0,{i % 2},0,{i % 2},1,{profile}")
    _lines(folder / "QK-video.csv", [header, *rows])
    return Sample(
        "1",
        _history(lambda i: str(i + 50)),
        None,
        {"item_id": ["51"], "item_video_category": ["1"]},
        {"user_gender": ["1"], "user_age": ["0"]},
        items=60,  # those that were only shown as well
    )


def tencent_ads_2020(folder: pathlib.Path) -> Sample:
    r"""Days from 1 to 91, products and industries that are \N."""
    rows = (
        f"{1 + n % 12 * 8},{u + 1},{821396 + i},{1 + n % 2}" for n, (u, i, _) in enumerate(visits())
    )
    _lines(folder / "click_log.csv", ["time,user_id,creative_id,click_times", *rows])
    people = (f"{u + 1},{1 + u % 10},{1 + u % 2}" for u in range(USERS))
    _lines(folder / "user.csv", ["user_id,age,gender", *people])
    ads = (
        f"{821396 + i},{724607 + i},{i if i % 2 else chr(92) + 'N'},5,7293,{chr(92)}N"
        for i in range(ITEMS)
    )
    header = "creative_id,ad_id,product_id,product_category,advertiser_id,industry"
    _lines(folder / "ad.csv", [header, *ads])
    return Sample(
        "1",
        _history(lambda i: str(821396 + i)),
        86400,
        {
            "item_id": ["821396"],
            "item_ad_id": ["724607"],
            "item_product_id": [""],
            "item_industry": [""],
            "item_advertiser_id": ["7293"],
        },
        {"user_age": ["1"], "user_gender": ["1"]},
    )


def tencent_gr(folder: pathlib.Path) -> Sample:
    """Parquet with one row a user, a list of structs."""
    (folder / "seq").mkdir()
    structs = [
        [
            {"item_id": 100 + i, "action_type": i % 2, "timestamp": t}
            for u, i, t in visits("2025-05-01T00:00:00")
            if u == user
        ]
        for user in range(USERS)
    ]
    table = pa.table({"user_id": [f"user_{u:08}" for u in range(USERS)], "seq": structs})
    half = USERS // 2
    parquet.write_table(table.slice(0, half), folder / "seq" / "part-00000.parquet")
    parquet.write_table(table.slice(half), folder / "seq" / "part-00001.parquet")
    return Sample(
        "user_00000000", _history(lambda i: str(100 + i)), 1746057600, {"item_id": ["149"]}
    )


def lastfm_1k(folder: pathlib.Path) -> Sample:
    """Tabs, no header, tracks without an id, quotes in names that are no quotes."""
    rows = []
    for u, i, t in visits("2009-05-04T23:08:57"):
        when = _when(t, "%Y-%m-%dT%H:%M:%SZ")
        artist = f"user_{u + 1:06}\t{when}\tf1b1cf71-bd35\t"
        rows.append(f'{artist}"Weird Al" Yankovic\t{i:08}-7ed1\t"Fuck Me {i}')
        if i % 10 == 0:
            rows.append(f'{artist}坂本龍一\t\tComposition 0919 "Live 12" Mix')
    _lines(folder / "userid-timestamp-artid-artname-traid-traname.tsv", rows)
    people = (f"user_{u + 1:06}\t{'m' if u else ''}\t\tJapan\tAug 13, 2006" for u in range(USERS))
    _lines(folder / "userid-profile.tsv", ["#id\tgender\tage\tcountry\tregistered", *people])
    return Sample(
        "user_000001",
        _history(lambda i: f"{i:08}-7ed1"),
        1241478537,
        {"item_id": ["00000001-7ed1"]},
        {"user_gender": [""], "user_age": [0.0], "user_country": ["Japan"]},
    )


def mind(folder: pathlib.Path) -> Sample:
    """Tabs, no header, lists in cells, times of the USA, titles with quotes that are no quotes."""
    rows = []
    for n, (u, i, t) in enumerate(visits("2019-11-11T09:05:58")):
        moment = datetime.datetime.fromtimestamp(t, datetime.timezone.utc)
        when = (
            f"{moment.month}/{moment.day}/{moment.year} {moment.hour % 12 or 12}:{moment:%M:%S %p}"
        )
        shown = f"N{55600 + (i + 1) % ITEMS}-0 N{55600 + i}-1 N{55600 + (i + 2) % ITEMS}-0"
        rows.append(f"{n + 1}\tU{u + 1}\t{when}\t{'' if u == 0 else 'N55189 N42782'}\t{shown}")
    _lines(folder / "behaviors.tsv", rows)
    entity = '[{"Label": "Prince Philip", "Type": "P", "WikidataId": "Q80976", "Confidence": 1.0}]'
    news = [
        f'N{55600 + i}\tlifestyle\tlifestyleroyals\t"The Brands, {i}\tShop the notebooks.\t'
        f"https://assets.msn.com/labs/mind/{i}.html\t{entity}\t[]"
        for i in range(ITEMS)
    ]
    _lines(folder / "news.tsv", news)
    return Sample(
        "U1",
        _history(lambda i: f"N{55600 + i}"),
        1573463158,
        {
            "item_id": ["N55601"],
            "item_title": ['"The Brands, 1'],
            "item_category": ["lifestyle"],
            "item_subcategory": ["lifestyleroyals"],
        },
    )


def complete_journey(folder: pathlib.Path) -> Sample:
    """The wheel's Parquet files: households without a profile, a product without a row."""
    bought = visits("2017-01-01T11:53:26")
    rows = {
        "household_id": [u + 1 for u, _, _ in bought],
        "store_id": [330 + u % 3 for u, _, _ in bought],
        "basket_id": [31198570044 + n for n in range(len(bought))],
        "product_id": [1095275 + i for _, i, _ in bought],
        "quantity": [1 + i % 3 for _, i, _ in bought],
        "sales_value": [0.5 + i for _, i, _ in bought],
        "week": [1] * len(bought),
        "transaction_timestamp": pa.array([t * 10**9 for _, _, t in bought], pa.timestamp("ns")),
    }
    parquet.write_table(pa.table(rows), folder / "transactions.parquet")
    members = range(1, USERS + 1, 2)
    said = ("age", "income", "home_ownership", "household_size", "household_comp", "kids_count")
    people = {"household_id": list(members), **{name: ["65+"] * len(members) for name in said}}
    parquet.write_table(pa.table(people), folder / "demographics.parquet")
    products = {
        "product_id": [1095275 + i for i in range(ITEMS - 1)],
        "manufacturer_id": [2] * (ITEMS - 1),
        "department": ["GROCERY"] * (ITEMS - 1),
        "brand": ["National"] * (ITEMS - 1),
        "product_category": [None, *["FRZN ICE"] * (ITEMS - 2)],
        "product_type": [None, *["ICE - CRUSHED/CUBED"] * (ITEMS - 2)],
        "package_size": ["22 LB"] * (ITEMS - 1),
    }
    parquet.write_table(pa.table(products), folder / "products.parquet")
    return Sample(
        "1",
        _history(lambda i: str(1095275 + i)),
        1483271606,
        {
            "item_id": ["1095276"],
            "item_title": ["ICE - CRUSHED/CUBED"],
            "item_brand": ["National"],
            "item_manufacturer_id": ["2"],
        },
        {"user_age": ["65+"]},
    )


LAYOUTS: Mapping[str, Callable[[pathlib.Path], Sample]] = {
    layout.__name__.replace("_", "-"): layout
    for layout in (
        amazon_reviews_2014,
        amazon_reviews_2018,
        amazon_reviews_2023,
        book_crossing,
        complete_journey,
        gowalla,
        hm,
        kuairec,
        lastfm_1k,
        mind,
        ml_100k,
        ml_1m,
        ml_latest,
        movietweetings,
        online_retail,
        retailrocket,
        steam_200k,
        taobao_userbehavior,
        tencent_ads_2020,
        tencent_gr,
        tenrec,
        yoochoose,
    )
}
