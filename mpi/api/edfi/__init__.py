"""Ed-Fi Identities API v2 at ``/identity/v2``.

It is an adapter around search, golden record and upsert. It exists so that a student information system that
speaks Ed-Fi can get a student's unique ID without learning another API. The state's own identity system is
this index.

What enters: requests in Ed-Fi form (``schemas``), which ``mapping`` turns into canonical fields. What leaves:
identities made from the golden record that the caller may see, with a score, or an error in Ed-Fi form
(``problems``). ``outcomes`` has the statuses of an identity system and the answer to each, as an Ed-Fi ODS
gives it. The package matches nothing itself: ``lists`` and ``creation`` call the use cases of
``mpi.service``, under the same policy and ledger as ``/v1``.

Source of the contract: Ed-Fi ODS/API 7.3, ``IdentityManagement.json`` and its identities controller
(Apache-2.0).
"""
