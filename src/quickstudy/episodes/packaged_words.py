"""Everyday words for what the templates leave to each home: rooms, devices, lists, things to buy."""

from collections.abc import Mapping
from typing import Any

_ENGLISH = {
    "area": """kitchen|living room|bedroom|bathroom|hallway|office|garage|dining room|nursery|
        guest room|basement|attic|laundry room|garden|kids room|study""",
    "floor": "first|second|ground|upper|top",
    "zone": "home|work|school|the gym",
    "message": """dinner is ready|we are leaving in ten minutes|the taxi is here|time for bed|
        please come downstairs|the movie is about to start""",
    "search_query": """the beatles|jazz for dinner|taylor swift|bohemian rhapsody|workout hits|
        miles davis|the morning news|lullabies|stranger things|abbey road""",
    "timer_name": "pizza|laundry|eggs|tea|homework|bread|nap|pasta",
    "timer_command": """turn off the lights|open the blinds|switch on the heater|lock the front door|
        pause the music""",
    "shopping_list_item": """milk|eggs|two loaves of bread|toilet paper|bananas|olive oil|dish soap|
        coffee beans|cat food|onions|batteries|a birthday card""",
    "todo_list_item": """call the dentist|renew the passport|water the plants|book flights|
        pay the rent|fix the bike|send the invoice|clean the gutters|buy a present for mum""",
    "name.any": """bedside lamp|coffee machine|heater|front door|tv|christmas lights|desk lamp|
        dishwasher|radio|washing machine""",
    "name.light": """bedside lamp|ceiling light|desk lamp|reading light|porch light|floor lamp|
        christmas lights""",
    "name.fan": "ceiling fan|tower fan|bathroom fan|desk fan",
    "name.cover": "left curtain|garage door|roller shutter|patio awning|blinds|skylight",
    "name.lock": "front door|back door|garden gate|shed",
    "name.valve": "sprinkler valve|water main|gas valve|pool valve",
    "name.switch": "coffee machine|power strip|pump|dehumidifier",
    "name.climate": "thermostat|heater|air conditioner|radiator",
    "name.media_player": "tv|kitchen speaker|radio|soundbar|record player|projector",
    "name.vacuum": "vacuum|robot vacuum|rosie|dusty",
    "name.lawn_mower": "mower|robot mower|mowbot",
    "name.todo": "groceries|chores|holiday|homework|weekend",
    "name.weather": "london|boston|the cabin|brighton",
    "name.person": "anna|ben|grandma|dad",
    "name.scene": "movie night|good morning|party|romantic dinner",
    "name.script": "bedtime routine|leave home|wake up",
    "name.sensor": "outdoor temperature|humidity|battery|water level",
    "name.binary_sensor": "front door|smoke alarm|kitchen window|washing machine",
}
_GERMAN = {
    "area": """Küche|Wohnzimmer|Schlafzimmer|Bad|Flur|Büro|Garage|Esszimmer|Kinderzimmer|Gästezimmer|
        Keller|Dachboden|Waschküche|Garten|Arbeitszimmer""",
    "floor": "Erdgeschoss|Obergeschoss|Keller|Dachgeschoss|erster Stock",
    "zone": "Zuhause|Arbeit|Schule|Büro",
    "message": """das Essen ist fertig|wir fahren in zehn Minuten los|das Taxi ist da|Zeit fürs Bett|
        kommt bitte alle runter|der Film fängt gleich an""",
    "search_query": """die Ärzte|Musik zum Kochen|Helene Fischer|Bohemian Rhapsody|Mozart|Sportmusik|
        die Nachrichten|Schlaflieder|Bibi Blocksberg|Abbey Road""",
    "timer_name": "Pizza|Wäsche|Eier|Tee|Hausaufgaben|Brot|Mittagsschlaf|Nudeln",
    "timer_command": "mach das Licht aus|öffne die Rollläden|schalte die Heizung ein|stoppe die Musik",
    "shopping_list_item": """Milch|Eier|zwei Brote|Klopapier|Bananen|Olivenöl|Spülmittel|Kaffeebohnen|
        Katzenfutter|Zwiebeln|Batterien|Butter""",
    "todo_list_item": """Zahnarzt anrufen|Pass verlängern|Blumen gießen|Flüge buchen|Miete überweisen|
        Fahrrad reparieren|Rechnung schicken|Dachrinne säubern""",
    "name.any": """Nachttischlampe|Kaffeemaschine|Heizung|Haustür|Fernseher|Lichterkette|
        Schreibtischlampe|Spülmaschine|Radio|Waschmaschine""",
    "name.light": "Nachttischlampe|Deckenlampe|Schreibtischlampe|Leselampe|Stehlampe|Lichterkette",
    "name.fan": "Deckenventilator|Standventilator|Badlüfter",
    "name.cover": "linker Vorhang|Garagentor|Rollladen|Markise|Jalousie|Dachfenster",
    "name.lock": "Haustür|Hintertür|Gartentor|Schuppen",
    "name.valve": "Bewässerungsventil|Hauptwasserhahn|Gasventil",
    "name.switch": "Kaffeemaschine|Steckdosenleiste|Pumpe|Luftentfeuchter",
    "name.climate": "Thermostat|Heizung|Klimaanlage|Heizkörper",
    "name.media_player": "Fernseher|Küchenlautsprecher|Radio|Soundbar|Plattenspieler|Beamer",
    "name.vacuum": "Staubsauger|Saugroboter|Robbi",
    "name.lawn_mower": "Rasenmäher|Mähroboter",
    "name.todo": "Einkauf|Haushalt|Urlaub|Hausaufgaben|Wochenende",
    "name.weather": "Berlin|Köln|Hamburg|Wien",
    "name.person": "Anna|Ben|Oma|Papa",
    "name.scene": "Filmabend|Guten Morgen|Party|Abendessen",
    "name.script": "Gute Nacht|Haus verlassen|Aufwachen",
    "name.sensor": "Außentemperatur|Luftfeuchtigkeit|Batterie|Wasserstand",
    "name.binary_sensor": "Haustür|Rauchmelder|Küchenfenster|Waschmaschine",
}
_CHINESE = {
    "area": "客厅|厨房|卧室|主卧|次卧|卫生间|书房|餐厅|阳台|儿童房|车库|走廊|老人房",
    "floor": "一|二|三|地下一",
    "zone": "家|公司|学校|健身房",
    "message": "开饭了|我们十分钟后出发|车到楼下了|该睡觉了|大家下楼吧|电影马上开始",
    "search_query": "周杰伦|轻音乐|邓丽君|摇篮曲|早间新闻|运动歌单",
    "timer_name": "煮面|洗衣|泡茶|鸡蛋|作业|午睡|烤箱",
    "timer_command": "关灯|打开窗帘|打开空调|锁上大门|暂停音乐",
    "shopping_list_item": "牛奶|鸡蛋|两袋面包|卫生纸|香蕉|酱油|洗洁精|咖啡豆|猫粮|洋葱|电池",
    "todo_list_item": "给牙医打电话|换护照|浇花|订机票|交房租|修自行车|寄快递|打扫阳台",
    "name.any": "床头灯|咖啡机|取暖器|大门|电视|台灯|洗碗机|收音机|洗衣机",
    "name.light": "床头灯|吸顶灯|台灯|落地灯|门廊灯|彩灯",
    "name.fan": "吊扇|落地扇|排气扇",
    "name.cover": "左边的窗帘|车库门|卷帘|遮阳棚|百叶窗|天窗",
    "name.lock": "大门|后门|院门",
    "name.valve": "浇水阀|总水阀|燃气阀",
    "name.switch": "咖啡机|插线板|水泵|除湿机",
    "name.climate": "空调|暖气|地暖",
    "name.media_player": "电视|音箱|收音机|投影仪|回音壁",
    "name.vacuum": "扫地机器人|扫地机|小白",
    "name.lawn_mower": "割草机",
    "name.todo": "购物清单|家务清单|旅行清单|待办清单",
    "name.weather": "北京|上海|广州|成都",
    "name.person": "小明|奶奶|爸爸|安娜",
    "name.scene": "观影模式|早安模式|派对模式|回家模式",
    "name.script": "睡前模式|离家模式",
    "name.sensor": "室外温度|湿度|电池电量|水位",
    "name.binary_sensor": "大门|烟雾报警器|厨房窗户|洗衣机",
}


def _parsed(table: Mapping[str, str]) -> dict[str, Any]:
    """{list: words}, and under "name" {kind of device: words}."""
    split = {key: tuple(word.strip() for word in words.split("|")) for key, words in table.items()}
    plain: dict[str, Any] = {key: words for key, words in split.items() if "." not in key}
    return plain | {"name": {key.partition(".")[2]: words for key, words in split.items() if "." in key}}


WORDS: Mapping[str, Mapping[str, Any]] = {
    "en": _parsed(_ENGLISH),
    "de": _parsed(_GERMAN),
    "zh-CN": _parsed(_CHINESE),
}
