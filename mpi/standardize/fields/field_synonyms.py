"""Words that programs write for canonical fields, to suggest a field.

Names are compared by their letters and digits alone, in upper case.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from mpi.standardize.text_folding import squeeze

FIELD_SYNONYMS: Mapping[str, Sequence[str]] = {
    "local_id": (
        "STUDENTNUMBER", "STUDENTID", "STUDENTLOCALID", "LOCALSTUDENTID", "PERSONID", "CLIENTID", "CHILDID",
        "PUPILID", "RECORDID", "SOURCEDID", "STUDENTUNIQUEID", "LOCALID", "SISID", "PERMID", "PERMNUM",
        "OTHERID", "NAMEID", "CLIENTNUMBER", "PERSONNUMBER", "PUPILNUMBER", "DISTRICTSTUDENTID", "SN", "ID",
        "STUDENTKEY", "PARTICIPANTID", "MEMBERID", "STUDENTIDENTIFIER", "CHILDNUMBER", "DCID",
    ),
    "first_name": (
        "FIRSTNAME", "FIRST", "GIVENNAME", "FNAME", "FORENAME", "LEGALFIRSTNAME", "NAMEFIRST", "FN", "GIVEN",
        "LEGALGIVENNAME",
    ),
    "middle_name": (
        "MIDDLENAME", "MIDDLE", "MNAME", "MI", "MIDDLEINITIAL", "NAMEMIDDLE", "LEGALMIDDLENAME", "MN",
    ),
    "last_name": (
        "LASTNAME", "LAST", "SURNAME", "FAMILYNAME", "LNAME", "LASTSURNAME", "LEGALLASTNAME", "NAMELAST",
        "LN",
        "LEGALSURNAME",
    ),
    "suffix": ("SUFFIX", "NAMESUFFIX", "GENERATIONCODE", "GENERATIONCODESUFFIX", "GENERATION"),
    "preferred_name": (
        "PREFERREDNAME", "PREFERREDFIRSTNAME", "NICKNAME", "GOESBY", "PREFERREDFIRST", "PREFERREDGIVENNAME",
        "KNOWNAS", "CHOSENNAME", "ALIAS",
    ),
    "birth_date": (
        "DOB", "BIRTHDATE", "DATEOFBIRTH", "BIRTHDAY", "BD", "DATEBIRTH", "BDATE", "BRTHDATE", "DOBIRTH",
        "BORN",
    ),
    "sex": ("SEX", "GENDER", "SX", "BIRTHSEX", "SEXATBIRTH", "LEGALSEX", "LEGALGENDER", "SEXDESCRIPTOR"),
    "ssn": (
        "SSN", "SOCIALSECURITYNUMBER", "SOCIALSECURITY", "SOCSEC", "SSNUMBER", "SOCSECNUMBER", "SSNNUMBER",
        "SOCIAL",
    ),
    "ssn_last4": ("SSNLAST4", "LAST4SSN", "SSN4", "LAST4", "LASTFOURSSN", "SSNLASTFOUR"),
    "address_line1": (
        "ADDRESS", "ADDRESS1", "STREET", "ADDRESSLINE1", "STREETADDRESS", "HOMEADDRESS", "MAILINGADDRESS",
        "ADDRESSLINE", "STREETNAME", "RESIDENCEADDRESS", "STREET1", "AD", "MAILINGSTREET", "HOMESTREET",
        "STREETNUMBERNAME", "RESIDENTIALADDRESS", "PHYSICALADDRESS",
    ),
    "address_line2": (
        "ADDRESS2", "ADDRESSLINE2", "APT", "UNIT", "APARTMENT", "STREET2", "SUITE", "APTNUMBER", "UNITNUMBER",
    ),
    "city": ("CITY", "TOWN", "MAILINGCITY", "HOMECITY", "CITYTOWN", "CY", "RESIDENCECITY", "ADDRESSCITY"),
    "state": (
        "STATE", "MAILINGSTATE", "HOMESTATE", "STATEABBREVIATION", "STATEPROVINCE", "RESIDENCESTATE",
        "ADDRESSSTATE", "PROVINCE",
    ),
    "postal_code": (
        "ZIP", "ZIPCODE", "POSTALCODE", "ZIP5", "POSTCODE", "MAILINGZIP", "HOMEZIP", "ZC", "MAILINGZIPCODE",
        "RESIDENCEZIP", "ADDRESSZIP", "ZIPPOSTALCODE",
    ),
    "county": ("COUNTY", "COUNTYNAME", "COUNTYOFRESIDENCE"),
    "phone": (
        "PHONE", "HOMEPHONE", "TELEPHONE", "PHONENUMBER", "MOBILE", "CELL", "CELLPHONE", "TELEPHONENUMBER",
        "TL",
        "PRIMARYPHONE", "HOUSEHOLDPHONE", "MOBILEPHONE", "PHONE1", "HOMETELEPHONE", "CONTACTPHONE",
    ),
    "email": (
        "EMAIL", "EMAILADDRESS", "EMAIL1", "GUARDIANEMAIL", "PARENTEMAIL", "STUDENTEMAIL", "CONTACTEMAIL",
        "EMAILID",
    ),
    "household_ids": (
        "HOUSEHOLDID", "FAMILYID", "FAMILYIDENT", "HOUSEHOLDNUMBER", "FAMILYNUMBER", "CASEID", "CASENUMBER",
        "HOUSEHOLD", "FAMILY",
    ),
    "birth_city": ("BIRTHCITY", "CITYOFBIRTH", "BIRTHPLACECITY", "PLACEOFBIRTH", "BIRTHPLACE"),
    "birth_state": ("BIRTHSTATE", "STATEOFBIRTH", "BIRTHPLACESTATE"),
    "birth_country": ("BIRTHCOUNTRY", "COUNTRYOFBIRTH", "BIRTHPLACECOUNTRY"),
    "multiple_birth": ("MULTIPLEBIRTH", "TWIN", "MULTIPLEBIRTHINDICATOR", "ISTWIN"),
    "school_id": (
        "SCHOOLID", "SCHOOL", "SCHOOLCODE", "SCHOOLNUMBER", "SC", "SCHOOLNAME", "BUILDING", "BUILDINGID",
        "BUILDINGCODE", "ENTITYID", "CAMPUS", "SITE", "CURRENTSCHOOL", "ENTITY", "HOMESCHOOL", "SITECODE",
        "CAMPUSID",
    ),
    "district_id": (
        "DISTRICTID", "DISTRICT", "DISTRICTCODE", "LEA", "LEAID", "DISTRICTNUMBER", "LEACODE", "DISTRICTNAME",
    ),
    "grade": ("GRADE", "GRADELEVEL", "GR", "YEARGROUP", "CURRENTGRADE", "GRADES", "GRADECODE"),
    "entry_date": (
        "ENTRYDATE", "ENROLLMENTDATE", "ENROLLDATE", "STARTDATE", "ENTERDATE", "ED", "ENTRY", "ADMISSIONDATE",
        "ENROLLMENTSTARTDATE", "ADMITDATE",
    ),
    "exit_date": (
        "EXITDATE", "WITHDRAWALDATE", "ENDDATE", "LEAVEDATE", "EXITWITHDRAWDATE", "LD", "WITHDRAWDATE",
        "ENROLLMENTENDDATE",
    ),
    "race": ("RACE", "FEDERALRACE", "RACECODE", "RACES", "RC1"),
    "ethnicity": (
        "ETHNICITY", "HISPANIC", "HISPANICLATINO", "ETH", "ETHNICCODE", "FEDETHNICITY",
        "ETHNICITYCODE",
    ),
    "death_date": ("DEATHDATE", "DATEOFDEATH", "DOD"),
    "as_of": (
        "ASOF", "LASTMODIFIED", "LASTUPDATED", "DATELASTMODIFIED", "UPDATEDAT", "MODIFIEDDATE",
        "ASOFDATE",
    ),
    "guardian_full_name": ("GUARDIANNAME", "PARENTNAME", "PARENTGUARDIANNAME", "CAREGIVERNAME", "GUARDIAN"),
    "guardian_first_name": ("GUARDIANFIRSTNAME", "PARENTFIRSTNAME", "CAREGIVERFIRSTNAME"),
    "guardian_last_name": ("GUARDIANLASTNAME", "PARENTLASTNAME", "CAREGIVERLASTNAME"),
    "guardian_relationship": ("GUARDIANRELATIONSHIP", "RELATIONSHIP", "RELATIONSHIPTOSTUDENT"),
    "full_name": (
        "FULLNAME", "NAME", "STUDENTNAME", "CHILDNAME", "CLIENTNAME", "LASTFIRST", "NAMELASTFIRST",
        "LASTNAMEFIRSTNAME", "LASTFIRSTMIDDLE", "DISPLAYNAME", "PERSONNAME", "PUPILNAME", "LASTFIRSTMI",
    ),
}  # fmt: skip
"""Squeezed names by field; of several columns for one field, the one whose word comes first is preferred."""

_FIELD_OF_NAME = {name: field for field, names in FIELD_SYNONYMS.items() for name in (*names, squeeze(field))}
_NEAR_SHARE = 0.8


def find_synonym(name: str) -> str | None:
    """Return the field for which a name is common, or None."""
    return _FIELD_OF_NAME.get(squeeze(name))


def find_near_synonym(name: str) -> str | None:
    """Return the field whose common word is near a name, or None."""
    near_names = get_close_matches(squeeze(name), _FIELD_OF_NAME, n=1, cutoff=_NEAR_SHARE)
    return _FIELD_OF_NAME[near_names[0]] if near_names else None


def suggest_field(name: str, known: Iterable[str]) -> str | None:
    """Return the known field that a name probably means, or None.

    Args:
        name: a name that is no field, such as ``DOB``.
        known: the fields that are allowed there.
    """
    fields = list(known)
    by_form = {squeeze(field): field for field in fields}
    form = squeeze(name)
    if form in by_form:
        return by_form[form]
    field = find_synonym(name)
    if field in fields:
        return field
    near_fields = get_close_matches(form, by_form, n=1)
    if near_fields:
        return by_form[near_fields[0]]
    field = find_near_synonym(name)
    return field if field in fields else None
