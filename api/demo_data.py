"""Made-up candidates and scores for a demonstration of AIGC应用工程师; the same seed gives the same bytes.

No person is meant. Names are put together from lists. Identity numbers have a good form and check character, but the
region code of a whole province or city (`440300`): cards are issued under the codes of districts.
"""

import csv
import io
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from stdnum.cn import ric

DEMO_SEED = 20268
"""The seed of the demonstration."""
NEXT_SEED = 20269
"""The seed of another roster, to try the console with."""

# Regions that existed under these codes in every year from 1970 to 2003.
_REGIONS = (
    *("110000", "120000", "310000", "320100", "330100", "340100", "350200", "370200"),
    *("420100", "430100", "440100", "440300", "450100", "510100", "530100", "610100"),
)
_SURNAMES = (
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢"
    "姚沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛阎雷龙黎史陶贺顾毛郝龚邵"
)
_GIVEN_NAMES = (
    "知行 予安 若溪 子墨 思远 雨桐 景行 嘉禾 清和 望舒 明哲 书瑶 一鸣 云舟 怀瑾 北辰 南乔 听澜 星野 沐阳 "
    "可欣 致远 文博 静姝 海棠 青禾 乐天 君浩 采薇 长风 舒 岚 磊 颖 钊 珺 霁 曦 航 宁"
)
_EMPLOYERS = (
    "云帆数据有限公司（虚构）",
    "拾光影像工作室（虚构）",
    "示例科技有限公司",
    "岭南数字学院（虚构）",
    "青梧文化传媒（虚构）",
    "",
)
_HEADINGS = (
    "姓名",
    "证件类型",
    "证件号码",
    "级别",
    "出生日期",
    "性别",
    "文化程度",
    "从业年限",
    "已持证书",
    "单位",
    "电话",
    "邮箱",
    "拼音姓名",
)
_RESIDENT = "居民身份证"
_LEVELS = ("初级",) * 43 + ("中级",) * 35 + ("高级",) * 22
# What keeps each of these from every rule of its level; the reasons differ.
_NOT_ELIGIBLE = (
    ("中级", "初中", "3"),
    ("中级", "高中", "0.5"),
    ("中级", "", "2"),
    ("中级", "大专", ""),
    ("高级", "高中", "1.9"),
    ("高级", "中专", "1"),
    ("高级", "初中", ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Person:
    name: str
    kind: str
    number: str
    born: date
    sex: str
    latin: str = ""


def sample_roster(*, seed: int = DEMO_SEED, count: int = 200) -> bytes:
    """Make a roster of `count` rows (UTF-8, Chinese headings), seven of them not eligible when there are 20 or more.

    Everybody is born from 1970 to 2003, so that decisions do not depend on the day on which the roster is read.
    """
    chance = random.Random(seed)  # noqa: S311 - made-up people, no secret
    numbers: set[str] = set()
    not_eligible = dict(zip(sorted(chance.sample(range(count), 7)), _NOT_ELIGIBLE, strict=True)) if count >= 20 else {}
    rows = []
    for index in range(count):
        person = _person(chance, index, numbers)
        level, education, work = not_eligible.get(index) or _qualified(chance)
        rows.append(
            (
                person.name,
                person.kind,
                person.number,
                level,
                person.born.isoformat(),
                person.sex,
                education,
                work,
                "",
                chance.choice(_EMPLOYERS),
                f"000{chance.randrange(10**8):08d}",  # no telephone number begins with 000
                f"candidate{index + 1:04d}@example.org",
                person.latin,
            )
        )
    return _csv(_HEADINGS, rows)


def sample_scores(admissions: Iterable[str], *, seed: int = DEMO_SEED) -> bytes:
    """Make a score sheet for the admission numbers: 85 in 100 pass.

    Among those who pass are 60, 79.5 and 80, among those who fail 59.99 and an absentee.
    """
    numbers = sorted(admissions)
    chance = random.Random(seed)  # noqa: S311 - made-up scores, no secret
    passing = len(numbers) * 85 // 100
    scores = ["60", "79.5", "80", "100"][:passing]
    scores += [_score(chance.randint(6000, 9850)) for _ in range(passing - len(scores))]
    failing = ["缺考", "59.99"][: len(numbers) - passing]
    scores += failing + [_score(chance.randint(2500, 5950)) for _ in range(len(numbers) - passing - len(failing))]
    chance.shuffle(scores)
    return _csv(("准考证号", "成绩"), zip(numbers, scores, strict=True))


def _qualified(chance: random.Random) -> tuple[str, str, str]:
    """Draw level, education and years of work that one of the level's rules takes."""
    level = chance.choice(_LEVELS)
    if level == "初级":
        return level, chance.choice(("", "初中", "高中", "大专", "本科")), chance.choice(("", "0", "0.5", "3"))
    if level == "中级":
        return (
            level,
            chance.choice(("高中", "中专", "大专", "本科", "硕士")),
            chance.choice(("1", "1.5", "18个月", "4")),
        )
    return level, *chance.choice(
        (("高中", "2"), ("中专", "6"), ("大专", ""), ("本科", "1年6个月"), ("硕士", "3"), ("博士", "1"))
    )


def _person(chance: random.Random, index: int, taken: set[str]) -> _Person:
    born = date(1970, 1, 1) + timedelta(days=chance.randrange((date(2004, 1, 1) - date(1970, 1, 1)).days))
    special = _SPECIAL.get(index)
    given = _GIVEN_NAMES.split()
    name = chance.choice(_SURNAMES) + chance.choice(given)
    number, sex = _resident_number(chance, born, taken)
    if special is None:
        return _Person(name=name, kind=_RESIDENT, number=number, born=born, sex=sex)
    name, kind, foreign_number, latin = special
    return _Person(name=name, kind=kind, number=foreign_number or number, born=born, sex=sex, latin=latin)


_SPECIAL: Mapping[int, tuple[str, str, str, str]] = {
    11: ("买买提·示例", _RESIDENT, "", ""),
    23: ("欧阳䶮", _RESIDENT, "", "OUYANG Yan"),
    37: ("Ada Muster", "护照", "X0000037", "MUSTER Ada"),
    58: ("陈样本", "港澳居民来往内地通行证", "H00000058", "CHAN Yeung Pun"),
    81: ("林样例", "台湾居民来往大陆通行证", "00000081", "LIN Yang-Li"),
}


def _resident_number(chance: random.Random, born: date, taken: set[str]) -> tuple[str, str]:
    while True:
        sequence = chance.randrange(1, 1000)
        body = f"{chance.choice(_REGIONS)}{born:%Y%m%d}{sequence:03d}"
        number = body + ric.calc_check_digit(body + "0")
        if number not in taken:
            taken.add(number)
            return number, "男" if sequence % 2 else "女"


def _score(hundredths: int) -> str:
    """Round to halves, as examiners mark, and write it in the grammar of scores."""
    halves = hundredths // 50
    return f"{halves // 2}.5" if halves % 2 else f"{halves // 2}"


def _csv(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue().encode()
