"""First tables: people and their applications, marks, batches and certificates, the journal, what is read of the chain.

Every table is STRICT and carries row seals. No row ever goes: erasing a person empties columns. Tables that are only
added to refuse every change, the others a change of what makes a row what it is.
"""

from alembic import op

revision = "20261121_0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE person (
        id TEXT NOT NULL,
        identity_type TEXT NOT NULL,
        identity_index BLOB,
        wrapped_key BLOB,
        identity_number BLOB,
        created_at INTEGER NOT NULL,
        erased_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_person PRIMARY KEY (id),
        CONSTRAINT uq_person_identity_type_identity_index UNIQUE (identity_type, identity_index),
        CONSTRAINT ck_person_erased_whole CHECK (
            (erased_at IS NULL) = (wrapped_key IS NOT NULL)
            AND (erased_at IS NULL) = (identity_index IS NOT NULL)
            AND (erased_at IS NULL) = (identity_number IS NOT NULL)
        )
    ) STRICT
    """,
    """
    CREATE TABLE roster (
        id TEXT NOT NULL,
        programme TEXT NOT NULL,
        programme_version TEXT NOT NULL,
        programme_digest BLOB NOT NULL,
        file_digest BLOB NOT NULL,
        rows INTEGER NOT NULL,
        imported_by TEXT NOT NULL,
        imported_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_roster PRIMARY KEY (id),
        CONSTRAINT uq_roster_file_digest UNIQUE (file_digest)
    ) STRICT
    """,
    """
    CREATE TABLE application (
        admission TEXT NOT NULL,
        roster TEXT NOT NULL,
        line INTEGER NOT NULL,
        person TEXT NOT NULL,
        programme TEXT NOT NULL,
        level TEXT NOT NULL,
        evidence BLOB,
        eligible INTEGER,
        rule TEXT,
        findings BLOB,
        decided_by TEXT,
        decided_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_application PRIMARY KEY (admission),
        CONSTRAINT uq_application_person_programme_level_roster UNIQUE (person, programme, level, roster),
        CONSTRAINT ck_application_eligible CHECK (eligible IN (0, 1)),
        CONSTRAINT ck_application_decided_whole CHECK (
            (eligible IS NULL) = (decided_by IS NULL) AND (eligible IS NULL) = (decided_at IS NULL)
        ),
        CONSTRAINT fk_application_roster FOREIGN KEY (roster) REFERENCES roster (id),
        CONSTRAINT fk_application_person FOREIGN KEY (person) REFERENCES person (id)
    ) STRICT
    """,
    "CREATE INDEX ix_application_programme_level_eligible ON application (programme, level, eligible)",
    "CREATE INDEX ix_application_roster ON application (roster)",
    """
    CREATE TABLE sheet (
        id TEXT NOT NULL,
        file_digest BLOB NOT NULL,
        examined_on TEXT NOT NULL,
        rows INTEGER NOT NULL,
        entered_by TEXT NOT NULL,
        entered_at INTEGER NOT NULL,
        confirmed_by TEXT,
        confirmed_at INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_sheet PRIMARY KEY (id),
        CONSTRAINT ck_sheet_two_people CHECK (confirmed_by IS NULL OR lower(confirmed_by) <> lower(entered_by)),
        CONSTRAINT uq_sheet_file_digest UNIQUE (file_digest)
    ) STRICT
    """,
    """
    CREATE TABLE score (
        id INTEGER NOT NULL,
        sheet TEXT NOT NULL,
        admission TEXT NOT NULL,
        paper TEXT NOT NULL,
        hundredths INTEGER,
        seal BLOB NOT NULL,
        CONSTRAINT pk_score PRIMARY KEY (id),
        CONSTRAINT uq_score_sheet_admission_paper UNIQUE (sheet, admission, paper),
        CONSTRAINT fk_score_sheet FOREIGN KEY (sheet) REFERENCES sheet (id),
        CONSTRAINT fk_score_admission FOREIGN KEY (admission) REFERENCES application (admission)
    ) STRICT
    """,
    "CREATE INDEX ix_score_admission ON score (admission)",
    """
    CREATE TABLE batch (
        id TEXT NOT NULL,
        batch BLOB NOT NULL,
        idempotency_key TEXT NOT NULL,
        request_digest BLOB NOT NULL,
        issuer TEXT NOT NULL,
        scope TEXT NOT NULL,
        size INTEGER NOT NULL,
        programme_version TEXT NOT NULL,
        programme_digest BLOB NOT NULL,
        credential_key BLOB NOT NULL,
        intent BLOB NOT NULL,
        state TEXT NOT NULL,
        proposed_by TEXT NOT NULL,
        proposed_at INTEGER NOT NULL,
        root BLOB,
        manifest BLOB,
        approved_by TEXT,
        approved_at INTEGER,
        approver TEXT,
        approval_deadline INTEGER,
        approval_signature BLOB,
        "transaction" BLOB,
        seq INTEGER,
        block_number INTEGER,
        block_hash BLOB,
        block_time INTEGER,
        delivered_at INTEGER,
        failure TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_batch PRIMARY KEY (id),
        CONSTRAINT ck_batch_state CHECK (
            state IN (
                'reserved', 'sealed', 'approved', 'signed', 'sent', 'included', 'final', 'orphaned', 'failed',
                'cancelled'
            )
        ),
        CONSTRAINT ck_batch_two_people CHECK (approved_by IS NULL OR lower(approved_by) <> lower(proposed_by)),
        CONSTRAINT uq_batch_batch UNIQUE (batch),
        CONSTRAINT uq_batch_idempotency_key UNIQUE (idempotency_key)
    ) STRICT
    """,
    """
    CREATE TABLE certificate (
        id INTEGER NOT NULL,
        number TEXT NOT NULL,
        found_by TEXT NOT NULL,
        revision INTEGER NOT NULL,
        key TEXT NOT NULL,
        jti TEXT NOT NULL,
        batch TEXT NOT NULL,
        leaf INTEGER NOT NULL,
        person TEXT NOT NULL,
        admission TEXT NOT NULL,
        sheet TEXT NOT NULL,
        status_list INTEGER NOT NULL,
        status_index INTEGER NOT NULL,
        salts BLOB,
        seal BLOB NOT NULL,
        CONSTRAINT pk_certificate PRIMARY KEY (id),
        CONSTRAINT uq_certificate_number_revision UNIQUE (number, revision),
        CONSTRAINT uq_certificate_found_by_revision UNIQUE (found_by, revision),
        CONSTRAINT uq_certificate_batch_leaf UNIQUE (batch, leaf),
        CONSTRAINT uq_certificate_status_list_status_index UNIQUE (status_list, status_index),
        CONSTRAINT uq_certificate_key UNIQUE (key),
        CONSTRAINT uq_certificate_jti UNIQUE (jti),
        CONSTRAINT fk_certificate_batch FOREIGN KEY (batch) REFERENCES batch (id),
        CONSTRAINT fk_certificate_person FOREIGN KEY (person) REFERENCES person (id),
        CONSTRAINT fk_certificate_admission FOREIGN KEY (admission) REFERENCES application (admission),
        CONSTRAINT fk_certificate_sheet FOREIGN KEY (sheet) REFERENCES sheet (id)
    ) STRICT
    """,
    "CREATE INDEX ix_certificate_admission ON certificate (admission)",
    "CREATE INDEX ix_certificate_person ON certificate (person)",
    """
    CREATE TABLE credential (
        certificate INTEGER NOT NULL,
        jwt TEXT NOT NULL,
        digest BLOB NOT NULL,
        disclosures BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_credential PRIMARY KEY (certificate),
        CONSTRAINT fk_credential_certificate FOREIGN KEY (certificate) REFERENCES certificate (id),
        CONSTRAINT uq_credential_digest UNIQUE (digest)
    ) STRICT
    """,
    """
    CREATE TABLE tree_chunk (
        batch TEXT NOT NULL,
        level INTEGER NOT NULL,
        chunk INTEGER NOT NULL,
        hashes BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_tree_chunk PRIMARY KEY (batch, level, chunk),
        CONSTRAINT fk_tree_chunk_batch FOREIGN KEY (batch) REFERENCES batch (id)
    ) STRICT
    """,
    """
    CREATE TABLE outbox (
        hash BLOB NOT NULL,
        subject TEXT NOT NULL,
        sender TEXT NOT NULL,
        nonce INTEGER NOT NULL,
        raw BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_outbox PRIMARY KEY (hash),
        CONSTRAINT uq_outbox_sender_nonce_hash UNIQUE (sender, nonce, hash)
    ) STRICT
    """,
    "CREATE INDEX ix_outbox_subject ON outbox (subject)",
    """
    CREATE TABLE status_request (
        id TEXT NOT NULL,
        number TEXT NOT NULL,
        revision INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        batch BLOB NOT NULL,
        leaf INTEGER NOT NULL,
        wanted INTEGER NOT NULL,
        reason INTEGER NOT NULL,
        state TEXT NOT NULL,
        requested_by TEXT NOT NULL,
        requested_at INTEGER NOT NULL,
        approved_by TEXT,
        approved_at INTEGER,
        approver TEXT,
        status_nonce INTEGER,
        approval_deadline INTEGER,
        approval_signature BLOB,
        "transaction" BLOB,
        seq INTEGER,
        failure TEXT,
        seal BLOB NOT NULL,
        CONSTRAINT pk_status_request PRIMARY KEY (id),
        CONSTRAINT ck_status_request_state CHECK (
            state IN ('requested', 'approved', 'signed', 'sent', 'final', 'failed', 'cancelled')
        ),
        CONSTRAINT ck_status_request_two_people CHECK (approved_by IS NULL OR lower(approved_by) <> lower(requested_by))
    ) STRICT
    """,
    """
    CREATE UNIQUE INDEX uq_status_request_open ON status_request (number, revision)
    WHERE state NOT IN ('final', 'failed', 'cancelled')
    """,
    """
    CREATE TABLE journal (
        seq INTEGER NOT NULL,
        at INTEGER NOT NULL,
        person TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        detail TEXT NOT NULL,
        previous BLOB NOT NULL,
        hash BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_journal PRIMARY KEY (seq)
    ) STRICT
    """,
    """
    CREATE TABLE journal_head (
        id INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_journal_head PRIMARY KEY (id),
        CONSTRAINT ck_journal_head_single CHECK (id = 1)
    ) STRICT
    """,
    """
    CREATE TABLE chain_record (
        seq INTEGER NOT NULL,
        "by" TEXT NOT NULL,
        block_number INTEGER NOT NULL,
        block_hash BLOB NOT NULL,
        block_time INTEGER NOT NULL,
        "transaction" BLOB NOT NULL,
        leaf BLOB NOT NULL,
        op INTEGER NOT NULL,
        issuer TEXT,
        batch BLOB,
        content TEXT NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_chain_record PRIMARY KEY (seq)
    ) STRICT
    """,
    "CREATE INDEX ix_chain_record_issuer_batch ON chain_record (issuer, batch)",
    """
    CREATE TABLE chain_word (
        seq INTEGER NOT NULL,
        word INTEGER NOT NULL,
        issuer TEXT NOT NULL,
        batch BLOB NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_chain_word PRIMARY KEY (seq, word),
        CONSTRAINT fk_chain_word_seq FOREIGN KEY (seq) REFERENCES chain_record (seq)
    ) STRICT
    """,
    "CREATE INDEX ix_chain_word_issuer_batch_word ON chain_word (issuer, batch, word)",
    """
    CREATE TABLE chain_head (
        id INTEGER NOT NULL,
        trust_root BLOB NOT NULL,
        first_block_time INTEGER NOT NULL,
        number INTEGER NOT NULL,
        hash BLOB NOT NULL,
        time INTEGER NOT NULL,
        read_at INTEGER NOT NULL,
        nodes INTEGER NOT NULL,
        seal BLOB NOT NULL,
        CONSTRAINT pk_chain_head PRIMARY KEY (id),
        CONSTRAINT ck_chain_head_single CHECK (id = 1)
    ) STRICT
    """,
)

ONLY_ADDED_TO = (
    "roster",
    "score",
    "credential",
    "tree_chunk",
    "outbox",
    "journal",
    "chain_record",
    "chain_word",
)

NEVER_TAKEN_OUT = (
    *ONLY_ADDED_TO,
    "person",
    "application",
    "sheet",
    "batch",
    "certificate",
    "status_request",
    "journal_head",
    "chain_head",
)

FROZEN_COLUMNS = {
    "person": "id, identity_type, created_at",
    "application": "admission, roster, line, person, programme, level",
    "sheet": "id, file_digest, examined_on, rows, entered_by, entered_at",
    "batch": (
        "id, batch, idempotency_key, request_digest, issuer, scope, size, programme_version, programme_digest,"
        " credential_key, intent, proposed_by, proposed_at"
    ),
    "certificate": (
        "id, number, found_by, revision, key, jti, batch, leaf, person, admission, sheet, status_list, status_index"
    ),
    "status_request": ("id, number, revision, issuer, batch, leaf, wanted, reason, requested_by, requested_at"),
}

SEALED_BATCH = """
    CREATE TRIGGER batch_stays_sealed BEFORE UPDATE OF root, manifest ON batch
    WHEN OLD.root IS NOT NULL OR OLD.manifest IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'a sealed batch keeps its root and its manifest');
    END
    """

ERASED_PERSON = """
    CREATE TRIGGER person_stays_erased BEFORE UPDATE ON person
    WHEN OLD.erased_at IS NOT NULL
    BEGIN
        SELECT RAISE(ABORT, 'an erased person stays erased');
    END
    """


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    for table in NEVER_TAKEN_OUT:
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_deleted BEFORE DELETE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever deleted');
            END
            """
        )
    for table in ONLY_ADDED_TO:
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'no row of {table} is ever changed');
            END
            """
        )
    for table, columns in FROZEN_COLUMNS.items():
        op.execute(
            f"""
            CREATE TRIGGER {table}_not_changed BEFORE UPDATE OF {columns} ON {table}
            BEGIN
                SELECT RAISE(ABORT, 'these columns of {table} never change');
            END
            """
        )
    op.execute(SEALED_BATCH)
    op.execute(ERASED_PERSON)
