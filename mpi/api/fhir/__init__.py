"""FHIR R4 (JSON) at ``/fhir``.

It is an adapter around search, golden record and crosswalk. It exists so that health and exchange partners
that speak FHIR can match a child, or translate its IDs, without learning another API.

What enters: a Patient, which ``patient_input`` turns into canonical fields. What leaves: a Patient for each
person, made by ``patient_output`` from the golden record that the caller may see, or an OperationOutcome
(``outcomes``). The package matches nothing itself: ``matching`` and ``cross_reference`` call the use cases of
``mpi.service``, under the same policy and ledger as ``/v1``. Resources are those of the library
``fhir.resources``, which checks what is received.

Sources: HL7 FHIR 4.0.1; IHE PDQm 3.2.0 (ITI-119) and PIXm 3.1.0 (ITI-83); HL7 Identity Matching (IDI) 2.0.0.
"""
