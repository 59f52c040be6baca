"""USPS abbreviations of street addresses (Publication 28).

Section 2 and appendices B, C and G: appendix C1 lists the street suffixes with the spellings commonly seen,
C2 the unit designators; the directionals are in section 233. https://pe.usps.com/text/pub28/
"""

DIRECTIONALS = {
    "NORTH": "N", "SOUTH": "S", "EAST": "E", "WEST": "W",
    "NORTHEAST": "NE", "NORTHWEST": "NW", "SOUTHEAST": "SE", "SOUTHWEST": "SW",
    "NO": "N", "SO": "S",
    "N": "N", "S": "S", "E": "E", "W": "W", "NE": "NE", "NW": "NW", "SE": "SE", "SW": "SW",
}  # fmt: skip
"""Spellings of directionals, with their abbreviations."""

_SUFFIX_SPELLINGS = {
    "ALY": "ALLEY ALLEE ALLY", "ANX": "ANEX ANNEX ANNX", "ARC": "ARCADE",
    "AVE": "AVENUE AV AVEN AVENU AVN AVNUE", "BYU": "BAYOU BAYOO", "BCH": "BEACH", "BND": "BEND",
    "BLF": "BLUFF BLUF", "BLVD": "BOULEVARD BOUL BOULV BLV", "BR": "BRANCH BRNCH",
    "BRG": "BRIDGE BRDGE", "BRK": "BROOK", "BYP": "BYPASS BYPA BYPAS BYPS", "CP": "CAMP CMP",
    "CYN": "CANYON CANYN CNYN", "CPE": "CAPE", "CSWY": "CAUSEWAY CAUSWA",
    "CTR": "CENTER CENT CENTR CENTRE CNTER CNTR", "CIR": "CIRCLE CIRC CIRCL CRCL CRCLE",
    "CLF": "CLIFF", "CMN": "COMMON", "COR": "CORNER", "CRSE": "COURSE", "CT": "COURT CRT",
    "CTS": "COURTS", "CV": "COVE", "CRK": "CREEK", "CRES": "CRESCENT CRSENT CRSNT", "CRST": "CREST",
    "XING": "CROSSING CRSSNG", "XRD": "CROSSROAD", "DL": "DALE", "DM": "DAM",
    "DV": "DIVIDE DIV DVD", "DR": "DRIVE DRIV DRV", "EST": "ESTATE", "ESTS": "ESTATES",
    "EXPY": "EXPRESSWAY EXP EXPR EXPRESS EXPW", "EXT": "EXTENSION EXTN EXTNSN", "FALL": "FALL",
    "FLS": "FALLS", "FRY": "FERRY FRRY", "FLD": "FIELD", "FLDS": "FIELDS", "FLT": "FLAT",
    "FLTS": "FLATS", "FRD": "FORD", "FRST": "FOREST FORESTS", "FRG": "FORGE FORG", "FRK": "FORK",
    "FRKS": "FORKS", "FT": "FORT FRT", "FWY": "FREEWAY FREEWY FRWAY FRWY",
    "GDN": "GARDEN GARDN GRDEN GRDN", "GDNS": "GARDENS GRDNS",
    "GTWY": "GATEWAY GATEWY GATWAY GTWAY", "GLN": "GLEN", "GRN": "GREEN", "GRV": "GROVE GROV",
    "HBR": "HARBOR HARB HARBR HRBOR", "HVN": "HAVEN", "HTS": "HEIGHTS HT",
    "HWY": "HIGHWAY HIGHWY HIWAY HIWY HWAY", "HL": "HILL", "HLS": "HILLS",
    "HOLW": "HOLLOW HLLW HOLLOWS HOLWS", "INLT": "INLET", "IS": "ISLAND ISLND", "ISLE": "ISLES",
    "JCT": "JUNCTION JCTION JUNCTN JUNCTON", "KY": "KEY", "KNL": "KNOLL KNOL", "KNLS": "KNOLLS",
    "LK": "LAKE", "LKS": "LAKES", "LNDG": "LANDING LNDNG", "LN": "LANE LA", "LGT": "LIGHT",
    "LF": "LOAF", "LCK": "LOCK", "LDG": "LODGE LDGE LODG", "LOOP": "LOOPS", "MALL": "MALL",
    "MNR": "MANOR", "MNRS": "MANORS", "MDW": "MEADOW", "MDWS": "MEADOWS MEDOWS", "ML": "MILL",
    "MLS": "MILLS", "MSN": "MISSION MISSN MSSN", "MT": "MOUNT MNT",
    "MTN": "MOUNTAIN MNTAIN MNTN MOUNTIN MTIN", "NCK": "NECK", "ORCH": "ORCHARD ORCHRD",
    "OVAL": "OVL", "PARK": "PRK PARKS", "PKWY": "PARKWAY PARKWY PKWAY PKY PARKWAYS PKWYS",
    "PASS": "PASS", "PATH": "PATHS", "PIKE": "PIKES", "PNE": "PINE", "PNES": "PINES", "PL": "PLACE",
    "PLN": "PLAIN", "PLNS": "PLAINS", "PLZ": "PLAZA PLZA", "PT": "POINT", "PTS": "POINTS",
    "PRT": "PORT", "PR": "PRAIRIE PRR", "RADL": "RADIAL RAD RADIEL", "RNCH": "RANCH RANCHES RNCHS",
    "RPD": "RAPID", "RPDS": "RAPIDS", "RST": "REST", "RDG": "RIDGE RDGE", "RIV": "RIVER RVR RIVR",
    "RD": "ROAD", "RDS": "ROADS", "RTE": "ROUTE RT", "ROW": "ROW", "RUN": "RUN",
    "SHR": "SHORE SHOAR", "SHRS": "SHORES SHOARS", "SKWY": "SKYWAY", "SPG": "SPRING SPNG SPRNG",
    "SPGS": "SPRINGS SPNGS SPRNGS", "SPUR": "SPURS", "SQ": "SQUARE SQR SQRE SQU",
    "STA": "STATION STATN STN", "STRA": "STRAVENUE", "STRM": "STREAM STREME",
    "ST": "STREET STR STRT STRE STREE", "SMT": "SUMMIT SUMIT SUMITT", "TER": "TERRACE TERR",
    "TRCE": "TRACE TRACES", "TRAK": "TRACK TRACKS TRK TRKS", "TRFY": "TRAFFICWAY",
    "TRL": "TRAIL TRAILS TRLS", "TUNL": "TUNNEL TUNEL", "TPKE": "TURNPIKE TRNPK TURNPK",
    "UN": "UNION", "VLY": "VALLEY VALLY VLLY", "VIA": "VIADUCT VDCT VIADCT", "VW": "VIEW",
    "VWS": "VIEWS", "VLG": "VILLAGE VILL VILLAG VILLG VILLIAGE", "VL": "VILLE",
    "VIS": "VISTA VIST VST VSTA", "WALK": "WALKS", "WALL": "WALL", "WAY": "WY", "WLS": "WELLS",
}  # fmt: skip
STREET_SUFFIXES = {
    spelling: short
    for short, spellings in _SUFFIX_SPELLINGS.items()
    for spelling in (short, *spellings.split())
}
"""Spellings of street suffixes, with their abbreviations."""

UNIT_WORDS = frozenset(
    ("APARTMENT", "APT", "APTMNT", "APRT", "BUILDING", "BLDG", "DEPARTMENT", "DEPT",
     "FLAT", "FLOOR", "FL", "FLR", "HANGAR", "HNGR", "LOT", "NO", "NUM", "NUMBER", "NUMBR",
     "OFFICE", "OFC", "PIER", "ROOM", "RM", "SLIP", "SPACE", "SPC", "STOP", "SUITE", "STE", "TRAILER",
     "TRLR", "UNIT")
)  # fmt: skip
"""Words for the kind of a unit, which sources give or leave out."""

PLACE_WORDS = {"SAINT": "ST", "MOUNT": "MT", "FORT": "FT"}
"""First words of city or street names, with their abbreviations."""

NUMBERED_ROADS = {
    "CR": "COUNTY RD", "SR": "STATE RTE", "FM": "FM", "RR": "RR", "HC": "HC",
}  # fmt: skip
"""Kinds of road before a number (Publication 28, appendix F).

No suffix list has them.
"""

ORDINALS = {
    "FIRST": "1ST", "SECOND": "2ND", "THIRD": "3RD", "FOURTH": "4TH", "FIFTH": "5TH", "SIXTH": "6TH",
    "SEVENTH": "7TH", "EIGHTH": "8TH", "NINTH": "9TH", "TENTH": "10TH", "ELEVENTH": "11TH",
    "TWELFTH": "12TH",
}  # fmt: skip
"""Ordinals in words, with their figures."""
