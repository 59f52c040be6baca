"""OneRoster CSV bundles of 1.1 and 1.2 for tests, as folders and ZIP files."""

import csv
import io
import zipfile


def list_columns(names: str) -> list[str]:
    """Return the column names of a header."""
    return names.split(",")


USERS_1_1 = list_columns(
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,familyName,"
    "middleName,identifier,email,sms,phone,agentSourcedIds,grades,password,metadata.stateId"
)
USERS_1_2 = list_columns(
    "sourcedId,status,dateLastModified,enabledUser,username,userIds,givenName,familyName,middleName,identifier,"
    "email,sms,phone,agentSourcedIds,grades,password,userMasterIdentifier,resourceSourcedIds,"
    "preferredGivenName,preferredMiddleName,preferredFamilyName,primaryOrgSourcedId,pronouns,metadata.stateId"
)
COLUMNS = {
    "demographics": list_columns(
        "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,"
        "blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,"
        "hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,"
        "publicSchoolResidenceStatus"
    ),
    "orgs": list_columns("sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"),
    "enrollments": list_columns(
        "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,"
        "endDate"
    ),
    "roles": list_columns(
        "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,"
        "userProfileSourcedId"
    ),
    "manifest": ["propertyName", "value"],
}


class Bundle:
    """Rows of a bundle, with a school and a district; tests change ``rows`` and ``modes``."""

    def __init__(self, version="1.1"):
        self.version = version
        self.columns = COLUMNS | {"users": USERS_1_1 if version == "1.1" else USERS_1_2}
        names = ["users", "demographics", "orgs", "enrollments", *(["roles"] if version == "1.2" else [])]
        self.rows = {name: [] for name in names}
        self.modes = dict.fromkeys(names, "bulk")
        self.rows["orgs"] = [
            {"sourcedId": "d1", "name": "District", "type": "district", "identifier": "D-77"},
            {
                "sourcedId": "school-1",
                "name": "School",
                "type": "school",
                "identifier": "S-12",
                "parentSourcedId": "d1",
            },
        ]

    def add_user(self, key, role, **changes):
        """Add a user with one role in the school."""
        user = {"sourcedId": key, "enabledUser": "true", "givenName": "Ngozi", "familyName": "Okonkwo"}
        if self.version == "1.1":
            user |= {"role": role, "orgSourcedIds": "school-1"}
        else:
            self.rows["roles"].append(
                {
                    "sourcedId": f"r-{key}",
                    "userSourcedId": key,
                    "roleType": "primary",
                    "role": role,
                    "orgSourcedId": "school-1",
                }
            )
        self.rows["users"].append(user | changes)

    def add_student(self, number, **changes):
        """Add a student with demographics."""
        key = f"s{number:03}"
        names = {
            "givenName": f"Amara{chr(97 + number % 26)}",
            "familyName": f"Okonkwo{chr(97 + number // 26)}",
        }
        ids = {"userIds": f"{{LDAP:x}},{{SSID:9{number:08}}}", "identifier": f"{number:06}", "grades": "03"}
        self.add_user(key, "student", **names | ids | changes)
        birth_date = f"20{10 + number % 9}-{1 + number % 12:02}-{1 + number % 28:02}"
        demographics = {"sourcedId": key, "birthDate": birth_date, "sex": "female", "white": "true"}
        self.rows["demographics"].append(demographics)

    def files(self):
        """Return the content of each file by name."""
        manifest = {"manifest.version": "1.0", "oneroster.version": self.version}
        manifest |= {f"file.{name}": mode for name, mode in self.modes.items()}
        entries = [{"propertyName": name, "value": value} for name, value in manifest.items()]
        tables = self.rows | {"manifest": entries}
        return {f"{name}.csv": self._write(name, rows) for name, rows in tables.items()}

    def write_folder(self, path):
        """Write the files into a new folder."""
        path.mkdir()
        for name, content in self.files().items():
            (path / name).write_text(content)
        return path

    def write_zip(self, path, prefix=""):
        """Write the files into a ZIP file."""
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in self.files().items():
                archive.writestr(f"{prefix}{name}", content)
        return path

    def _write(self, name, rows):
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns[name], restval="")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()
