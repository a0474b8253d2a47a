"""What roles, actions and states are called where somebody may not do something: in the words of those who do it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from api.pages.catalogue import catalogue
from registry.access import POLICY, Action, NotAllowed, NotInState, Subject
from registry.workflows.access.act import AccountNotOpen

ACTIONS: Final[Mapping[Action, tuple[str, str]]] = MappingProxyType(
    {
        Action.KEEP_PROGRAMMES: ("登记项目版本", "keeping programmes"),
        Action.IMPORT_ROSTER: ("导入名册", "importing rosters"),
        Action.DECIDE: ("审核资格", "deciding who may sit"),
        Action.JUDGE: ("认定报名材料", "judging what an application turns on"),
        Action.OVERRIDE: ("申请人工特批", "asking to admit somebody against the rules"),
        Action.CONFIRM_JUDGEMENT: ("复核认定", "confirming a judgement"),
        Action.REGISTER_THROUGH_UNIT: ("办理单位申报", "registering people through a unit"),
        Action.REVIEW_ADMISSION: ("审查申报", "reviewing who was registered"),
        Action.KEEP_ORGANISATIONS: ("管理培训机构和申报单位", "keeping training bodies and units"),
        Action.RUN_COURSE: ("办理培训班", "running courses"),
        Action.ENTER_ATTENDANCE: ("录入出勤", "entering attendance"),
        Action.CONFIRM_ATTENDANCE: ("核对出勤", "confirming attendance"),
        Action.RETURN_ATTENDANCE: ("退回出勤表", "sending an attendance list back"),
        Action.TAKE_BACK_ATTENDANCE: ("收回自己的出勤表", "taking back one's own attendance list"),
        Action.CERTIFY_HOURS: ("列学时证明名单", "listing people for certificates of hours"),
        Action.MAKE_SESSION: ("建考试场次", "making examination sessions"),
        Action.SEAT_CANDIDATES: ("安排考生", "registering candidates for a session"),
        Action.SIGN_IN_CANDIDATES: ("考生签到", "signing candidates in"),
        Action.STAFF_SESSION: ("安排考务人员", "naming the staff of a session"),
        Action.CLOSE_SESSION: ("结束场次", "closing a session"),
        Action.ENTER_SCORES: ("录入成绩", "entering scores"),
        Action.ENTER_SESSION_SCORES: ("录入场次成绩", "entering the scores of a session"),
        Action.CONFIRM_SCORES: ("核对成绩", "confirming scores"),
        Action.RETURN_SCORES: ("退回成绩单", "sending a score sheet back"),
        Action.TAKE_BACK_SCORES: ("收回自己的成绩单", "taking back one's own score sheet"),
        Action.CORRECT_SCORES: ("更正成绩", "correcting scores"),
        Action.CONFIRM_CORRECTION: ("核对成绩更正", "confirming a corrected score"),
        Action.PROPOSE_BATCH: ("提出批次", "proposing batches"),
        Action.APPROVE: ("批准批次", "approving batches"),
        Action.ISSUE_BATCH: ("发送批次", "sending batches to the chain"),
        Action.CANCEL_BATCH: ("取消批次", "giving batches up"),
        Action.PRINT: ("打印证书", "printing certificates"),
        Action.REQUEST_STATUS: ("申请变更或更替证书", "asking for changes to certificates"),
        Action.APPROVE_CHANGE: ("批准变更", "approving changes to certificates"),
        Action.SEND_CHANGE: ("发送变更", "sending changes to the chain"),
        Action.CANCEL_CHANGE: ("取消申请", "giving requests up"),
        Action.INVITE_HOLDER: ("给持证人发链接", "inviting holders"),
        Action.MANAGE_ACCOUNTS: ("管理账号", "managing accounts"),
        Action.OPERATE: ("运维", "operating the installation"),
        Action.KEEP_KEYS: ("管理密钥", "keeping keys"),
        Action.VOTE: ("联盟表决", "voting in the consortium"),
        Action.SEE_REGISTRY: ("查看登记内容", "looking at the registry"),
        Action.VERIFY_MANY: ("批量核验", "verifying lists"),
        Action.SEARCH_TALENT: ("查找人才", "searching the talent database"),
        Action.OWN_CERTIFICATES: ("查看自己的证书", "seeing one's own certificates"),
    }
)
"""Every action, in Chinese and English."""
STATES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "undecided": ("未审核", "undecided"),
        "eligible": ("符合条件", "eligible"),
        "refused": ("不符合条件", "refused"),
        "overridden": ("已特批", "admitted against the rules"),
        "waiting": ("待核对", "waiting for its second person"),
        "superseded": ("已有更新的一项", "overtaken by a newer one"),
        "confirmed": ("已核对", "confirmed"),
        "": ("未办理", "not begun"),
        "pre-registered": ("已预报名", "pre-registered"),
        "first-review-passed": ("初审通过", "past its first review"),
        "first-review-returned": ("初审退回", "returned by its first review"),
        "fee-paid": ("已缴费", "paid for"),
        "documents-handed-in": ("已交材料", "handed in with its documents"),
        "admitted": ("已录取", "admitted"),
        "withdrawn": ("已撤回", "withdrawn"),
        "entered": ("已录入", "entered"),
        "returned": ("已退回", "returned"),
        "open": ("未结束", "open"),
        "closed": ("已结束", "closed"),
        "requested": ("待批准", "waiting for its approver"),
        "reserved": ("已预留", "reserved"),
        "sealed": ("已封存", "sealed"),
        "approved": ("已批准", "approved"),
        "signed": ("已签交易", "signed for the chain"),
        "sent": ("已发送", "sent"),
        "included": ("已入块", "in a block"),
        "final": ("已终局", "recorded for good"),
        "orphaned": ("已退回重发", "to be sent again"),
        "failed": ("失败待处理", "failed"),
        "cancelled": ("已取消", "given up"),
    }
)
"""Every state that the table of access names, in Chinese and English."""


WHERE_IT_STANDS: Final[Mapping[Subject, str]] = MappingProxyType(
    {
        Subject.APPLICATION: "vermilion enrol steps {named}",
        Subject.JUDGEMENT: "vermilion enrol to-judge",
        Subject.ADMISSION: "vermilion enrol steps {named}",
        Subject.ATTENDANCE: "vermilion training course list",
        Subject.SESSION: "vermilion exam session show {named}",
        Subject.SHEET: "vermilion exam list",
        Subject.CORRECTION: "vermilion exam list",
        Subject.BATCH: "vermilion batch status {named}",
        Subject.REQUEST: "vermilion cert request {named}",
    }
)
"""What shows how a thing stands, that something cannot be done with now."""


def on_from(error: NotInState) -> tuple[str, str]:
    """Say in Chinese and English how to go on from where a thing stands."""
    subject = POLICY[error.action].subject
    command = "vermilion doctor" if subject is None else WHERE_IT_STANDS[subject].format(named=error.named)
    zh, en = f"请看它现在的状态和下一步：`{command}`。", f"See where it stands, and what comes next: `{command}`."
    if subject is Subject.SHEET and error.state == "confirmed":
        zh += "要改已核对的成绩，请走更正：`vermilion exam correct --help`。"
        en += " What was confirmed is set right by a correction: `vermilion exam correct --help`."
    return zh, en


def in_words(error: NotAllowed | NotInState | AccountNotOpen) -> tuple[str, str]:
    """Say in Chinese and English why somebody may not do something."""
    zh, en = ACTIONS[error.action]
    if isinstance(error, NotAllowed):
        roles_zh = "或".join(f"“{catalogue('zh').text(f'roles.{one}')}”（{one}）" for one in error.allowing)
        roles_en = " or ".join(error.allowing)
        return (
            f"您的角色不能{zh}" + (f"：须有角色{roles_zh}。" if roles_zh else "。"),
            f"your roles do not allow {en}" + (f"; it takes the role {roles_en}" if roles_en else ""),
        )
    if isinstance(error, AccountNotOpen):
        return (
            f"本机构没有名为“{error.named[:64]}”的有效账号，不能{zh}。",
            f"no open account of the house is called {error.named[:64]!r}: {en} takes one",
        )
    (now_zh, now_en), allowed = STATES[error.state], [STATES[one] for one in error.allowed]
    for_zh, for_en = "、".join(one for one, _ in allowed), " or ".join(one for _, one in allowed)
    return (
        f"{error.named}现为“{now_zh}”，不能{zh}" + (f"：须为“{for_zh}”。" if for_zh else "。"),
        f"{error.named} is {now_en}: {en} is for what is {for_en or 'elsewhere'}",
    )
