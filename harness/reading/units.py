"""The words for times in ten languages: units, "from … to …", "between … and …", "no such moment"."""

import re
from typing import Final

from harness.reading.lazily import lazily

_LATIN: Final[dict[str, str]] = {
    "3600": "hours?|hrs?|h|stunden?|std|heures?|horas?|or[ae]|час(?:а|ов)?|ч",
    "60": "minutes?|minuten|mins?|m|minutos?|minut[oi]|минут[аы]?|мин",
    "0.001": "milliseconds?|millisekunden?|millisecondes?|milisegundos?|millisecond[oi]|msecs?|ms|мс",
    "1": "seconds?|secs?|s|sekunden?|sek|secondes?|segundos?|segs?|second[oi]|секунд[аы]?|сек|с",
}
_OTHER: Final[dict[str, str]] = {
    "3600": "小时|小時|時間|시간",
    "60": "分钟|分鐘|分鍾|分|분",
    "0.001": "毫秒|ミリ秒|밀리초",
    "1": "秒钟|秒鐘|秒|초",
}
EAST: Final = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
"""Letters of scripts that put no space between a number and what it counts."""
LETTER: Final = rf"[^\W\d_{EAST}]"
_END: Final = rf"(?!{LETTER})\.?(?:(?!\d)|(?=\d{{1,2}}(?:[.,]\d{{1,3}})?\s?(?:min|ms?|secs?|s)(?!{LETTER})))"

UNITS: Final[dict[float, str]] = {
    float(seconds): rf"(?:(?:{words}){_END}|{_OTHER[seconds]})" for seconds, words in _LATIN.items()
}
"""Patterns of the units, by their seconds. Words end where their letters do."""

FRAMES: Final = (
    rf"(?:frames?|bilder|bild|images?|fotogramas?|fotogramm[ai]|quadros?|кадр\w{{0,3}})"
    rf"(?!{LETTER})|帧|幀|フレーム|프레임"
)

SPACE: Final = r"[ \t\u00a0\u202f]{0,3}\n?[ \t]{0,3}"
_ARTICLE: Final = (
    r"(?:(?:about|around|approximately|roughly|etwa|ca\.|environ|the|der|den|dem|zur|la|le|les|el|los|il|lo|as|os|o)"
    r"\s{1,2}|≈|~)?"
)
_SECOND: Final = (
    r"(?:(?:t\s?=|timestamps?|time|marks?|seconds?|secs?|sekunden?|secondes?|segundos?|second[oi]|第|minutes?|minuten?|"
    r"minutos?|minut[oi])"
    r"\s{0,2}:?\s{0,2})?"
)
LEAD: Final = _ARTICLE + _SECOND
TO: Final = lazily(
    rf"(?:\s(?:mark|point))?{SPACE}(?:[-–—−~〜～→]|-{{1,2}}>|(?:up\s)?to\b|until\b|till\b|through\b|bis\b|"
    rf"jusqu['’]à|à\b|au\b|a\b|al\b|hasta\b|até\b|aos?\b|às\b|all[ea]\b|ai\b|"
    rf"fino\sa\b|до\b|по\b|到|至|から|에서|부터){SPACE}{LEAD}",
    re.IGNORECASE,
)
"""What stands between the two times of a window."""
AND: Final = lazily(rf"{SPACE}(?:and|und|et|y|e|и|와|과|と|和){SPACE}{LEAD}", re.IGNORECASE)
"""As ``TO``, behind "between"."""
FROM: Final = lazily(
    rf"(?:\b(?:from|von|vom|ab|depuis|de|du|do|desde|del|da|dal|dalla|dalle|dai|das|dos|с|от)\s{{1,3}}|[从從自])\s{{0,2}}{LEAD}$",
    re.IGNORECASE,
)
BETWEEN: Final = lazily(rf"(?:\b(?:between|zwischen|entre|tra|fra|между)\s{{1,3}}|在)\s{{0,2}}{LEAD}$", re.IGNORECASE)
AT: Final = lazily(
    r"(?:\b(?:at|around|near|by|um|bei|gegen|à|vers|en|em|alle|в)\s{1,3}|[@在]\s{0,2}|t\s?=\s{0,2}|\bseconds?\s{1,2})$",
    re.IGNORECASE,
)
MINUTE: Final = lazily(r"(?<!\d)(?<!\d[ \t-])\b(?:minutes?|minuten?|minutos?|minut[oi])\s{1,2}$", re.IGNORECASE)
"""Before a number that counts minutes."""
_GOING_ON: Final = """
    is are was happens occurs begins starts runs lasts seen shown visible about around approximately roughly then also
    and or in at by during from of window windows segment segments moment moments interval intervals span spans clip
    scene time times timestamp timestamps range event answer think guess say maybe perhaps probably likely und oder ist
    im bei etwa zeit fenster abschnitt et ou est vers environ temps o y es en tiempo e é tempo è
"""
UNCOUNTED: Final = lazily(
    rf"(?:\A|[^\w\s$€£¥₹#§№]|\n|[{EAST}]|(?<!{LETTER})(?:{'|'.join(_GOING_ON.split())}))[ \t]{{0,3}}\Z", re.IGNORECASE
)
"""What two bare numbers may follow and be times: nothing, a mark, a word that goes on. A noun says what they count."""
BEGIN: Final = lazily(
    r"(?:start|begin|beginn|anfang|début|commenc|inicio|empieza|começ|início|inizi|нача|开始|開始|시작)[^\d]{0,40}$",
    re.IGNORECASE,
)
END: Final = lazily(
    r"[^\d]{0,40}?(?:\bend|\bstop|\bfinish|\bende|\bfin\b|\bfinal|\btermin|\bfim\b|\bfine\b|"
    r"\bfinisce|конец|заканч|结束|結束|終了|끝)[^\d]{0,25}",
    re.IGNORECASE,
)
OF_FRAMES: Final = lazily(rf"(?:{FRAMES})[\"']?\s{{0,2}}[:=]?\s{{0,2}}(?:#|no\.?|number)?\s{{0,2}}$", re.IGNORECASE)

COUNTED: Final = lazily(rf"\s{{1,3}}({LETTER}{{2,40}})|\s{{0,2}}([%‰°€$£人个個名次只隻台辆輛位本件回匹頭명개번])")
"""A word behind a number, which may be what it counts."""
NOT_COUNTED: Final = frozenset(
    re.findall(
        r"\w+",
        """
        a an someone somebody he she it they we you there this that his her one after
        man jemand er sie es ein eine der die das il elle on un une le la les quelqu él ella se una el los las alguien
        um uma o os ele ela alguém uno si qualcuno lui lei i gli
        or and then in as is are at during when where while because with but for until after before on of the
        oder und dann im ist als während wenn wo weil mit aber ou et puis dans est pendant quand avec mais
        o y luego en es cuando con pero e poi nel è quando ma depois no na com mas или и затем в когда
        """,
    )
)
"""Words that go on with the sentence, in the same languages."""

NEVER: Final = lazily(
    r"\bno\s(?:such|matching|relevant)\s(?:moment|event|segment|window|scene|action|time|clip)|"
    r"\b(?:never|does\snot|doesn['’]t|did\snot|didn['’]t)\s(?:actually\s)?(?:happens?|occurs?|appears?|takes?\splace)|"
    r"\bnot\s(?:present|shown|visible|in)\s(?:in\s)?(?:the|this)\s(?:video|clip)|"
    r"^\s{0,9}(?:none|never|no\smoment|no\swindow)\s{0,3}[.!]?\s{0,9}$|"
    r"\bkeine?n?\s(?:solche[nrs]?|passende[nrs]?)\s\w{1,30}|"
    r"\b(?:kommt|passiert|geschieht)\s(?:im\svideo\s)?(?:nie|nicht)\b|"
    r"\b(?:aucun|aucune)\s(?:moment|événement|scène|segment|passage)|\bn['’](?:arrive|apparaît)\s(?:jamais|pas)|"
    r"\b(?:ningún|ninguna|nenhum|nenhuma|nessun|nessuna)\s(?:momento|evento|escena|cena|scena|segmento)|"
    r"\b(?:nunca|jamás|não|no|non)\s(?:ocurre|sucede|aparece|acontece|ocorre|accade|succede|compare)(?:\smai)?|"
    r"(?:没有|沒有|不存在)(?:这样的|這樣的|相关的?|任何)?(?:时刻|時刻|片段|场景|場景|事件|瞬间)?|"
    r"該当(?:する)?\w{0,6}(?:ありません|なし|ない)|"
    r"такого\s(?:момента|события)\sнет|никогда\sне|해당\w{0,3}\s?\w{0,6}\s?없",
    re.IGNORECASE,
)
"""What says that there is no such moment."""
