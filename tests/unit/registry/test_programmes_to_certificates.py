"""From a roster row to a sealed certificate, for each programme that examines: what the certificate then says."""

from datetime import date

import pytest

from registry.credential import parse, public_presentation
from registry.credential.v1 import IssuedCredential
from registry.enrolment import AdmissionState
from registry.programme import load_catalogue
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.enrolment.judge import confirm_judgement, judge_application, open_applications
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance import approve, issue
from tests.unit.registry.store.filled import BODY, ISSUER, Approver, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database
from tests.unit.registry.unit_people import admit_all, step_all, unit_called

CATALOGUE = load_catalogue()
PERSON = "安小雨,110105199003070025"  # made up, with its check character


class House:
    """A registry that takes one person through one programme."""

    def __init__(self, path) -> None:
        self.store, self.clock, self.key = new_database(path), SettableClock(), CredentialKey()

    def enrol(self, code: str, headings: str, row: str) -> str:
        data = f"姓名,证件号码,{headings}\n{PERSON},{row}\n".encode()
        by_unit = unit_called(self.store, self.clock, "某公司") if "申报单位" in headings else None
        import_roster(self.store, self.clock, CATALOGUE.programme(code), data, person="clerk-1", by_unit=by_unit)
        if by_unit is not None:
            step_all(self.store, self.clock, AdmissionState.REVIEWED, "reviewer-1")
        for admission, subjects in open_applications(self.store, self.clock, CATALOGUE, ISSUER):
            for subject in subjects:
                judged = judge_application(
                    self.store, self.clock, CATALOGUE, admission,
                    subject=subject, favourable=True, reason="看过原件", person="reviewer-1",
                )  # fmt: skip
                confirm_judgement(self.store, self.clock, judged.id, person="reviewer-2")
        decided = decide_applications(self.store, self.clock, CATALOGUE, ISSUER, person="clerk-1")
        assert (decided.eligible, decided.refused, decided.to_judge) == (1, 0, 0)
        if by_unit is not None:
            admit_all(self.store, self.clock)
        with self.store.read() as unit:
            return next(iter(unit.marks.awaited(code)))

    def certify(self, code: str, level: str, admission: str, scores: dict[str, str]):
        sheet_data = f"准考证号,{','.join(scores)}\n{admission},{','.join(scores.values())}\n".encode()
        sheet = record_scores(
            self.store, self.clock, CATALOGUE.programme(code), sheet_data, examined_on=date(2026, 11, 15), person="bob"
        ).sheet
        confirm_sheet(self.store, self.clock, sheet.id, person="carol")
        batch = issue.propose(
            self.store, self.clock, CATALOGUE, BODY, self.key, programme=code, level=level, person="alice"
        )
        approve.approve(
            self.store, self.clock, CATALOGUE, lambda thumbprint: self.key.public_key, Approver(), batch.id,
            person="dave",
        )  # fmt: skip
        with self.store.read() as unit:
            (stored,) = unit.batches.certificates(batch_id=batch.id)
        return parse(public_presentation(IssuedCredential(jwt=stored.jwt, disclosures=stored.disclosures)))


@pytest.fixture
def house(tmp_path):
    one = House(tmp_path / "registry.db")
    yield one
    one.store.close()


NATIONAL = "学位,所学专业,学时证明编号,文化程度"
CASES = {
    "AIGC-POST": ("PROFESSIONAL", "级别,细分行业", "专业级,设计", {"综合评测": "60"}),
    "EDGE-AI": (
        "2",
        "级别,文化程度,单位,电话,邮箱,编号,完成学时",
        "中级,高中,某公司,13800000000,an@example.cn,GXB-2026-000318,40",
        {"理论": "60", "实操": "100"},
    ),
    "SMART-MFG": (
        "2",
        f"级别,职业方向,{NATIONAL}",
        "中级,智能生产管控,博士学位,机械工程,HX-1,博士",
        {"理论知识": "60", "专业能力": "79.5"},
    ),
    "BIG-DATA": (
        "1",
        f"级别,职业方向,{NATIONAL}",
        "初级,大数据管理,学士学位,计算机,HX-1,本科",
        {"理论知识": "80", "专业能力": "60"},
    ),
    "BLOCKCHAIN": ("1", f"级别,{NATIONAL}", "初级,学士学位,计算机,HX-1,本科", {"理论知识": "60", "专业能力": "60"}),
    "AI-TRAINER": (
        "2",
        "等级,文化程度,申报单位,申请认定",
        "二级,大专,某公司,相应职称及规定年限",
        {"理论": "60", "实操": "60", "综合评审": "60"},
    ),
}


@pytest.mark.parametrize("code", CASES)
def test_a_certificate_says_what_its_programme_says(house, code):
    level, headings, row, scores = CASES[code]
    programme = CATALOGUE.programme(code)
    presented = house.certify(code, level, house.enrol(code, headings, row), scores)
    terms, entry = presented.terms, presented.entry
    assert terms.achievement.digest == programme.digest
    assert terms.level.name.zh == programme.level(level).name.zh
    assert terms.last_valid_day is None
    assert (terms.occupation and terms.occupation.code) == (programme.occupation and programme.occupation.code)
    assert (terms.achievement.standard and terms.achievement.standard.number) == (
        programme.standard and programme.standard.number
    )
    assert entry.training_hours == programme.level(level).training_hours
    assert [(one.name.zh, one.value) for one in presented.disclosed.results] == list(scores.items())
    assert presented.disclosed.grade is None


def test_direction_sector_and_form_number_are_on_the_certificate(house):
    found = {}
    for code in ("SMART-MFG", "AIGC-POST", "EDGE-AI"):
        level, headings, row, scores = CASES[code]
        found[code] = house.certify(code, level, house.enrol(code, headings, row), scores).entry
    assert found["SMART-MFG"].direction.name.zh == "智能生产管控"
    assert found["AIGC-POST"].sector.name.zh == "设计"
    assert found["EDGE-AI"].registration_number == "GXB-2026-000318"
    assert (found["EDGE-AI"].direction, found["SMART-MFG"].sector, found["AIGC-POST"].registration_number) == (
        *(None, None, None),
    )


@pytest.mark.parametrize("code", ["SMART-MFG", "BIG-DATA", "BLOCKCHAIN", "AI-TRAINER"])
def test_one_failed_paper_is_no_pass(house, code):
    level, headings, row, scores = CASES[code]
    failing = {**scores, next(iter(scores)): "59.99"}
    with pytest.raises(issue.NothingToIssue):
        house.certify(code, level, house.enrol(code, headings, row), failing)
