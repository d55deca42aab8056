// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "tsvector", schema = "pg_catalog"))]
    pub struct Tsvector;
}

diesel::table! {
    approvals (id) {
        id -> Uuid,
        request_id -> Uuid,
        content_hash -> Bytea,
        step -> Int4,
        role -> Text,
        membership_id -> Uuid,
        user_id -> Uuid,
        approved_at -> Timestamptz,
    }
}

diesel::table! {
    audit (id, recorded_at) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        realm -> Text,
        trade_time -> Timestamptz,
        actor_id -> Nullable<Uuid>,
        membership_id -> Nullable<Uuid>,
        role -> Nullable<Text>,
        action -> Text,
        subject_kind -> Text,
        subject_id -> Uuid,
        before_digest -> Nullable<Bytea>,
        after_digest -> Nullable<Bytea>,
        reason -> Nullable<Text>,
        request_id -> Text,
    }
}

diesel::table! {
    budget_lines (id) {
        id -> Uuid,
        realm -> Text,
        agency_id -> Uuid,
        unit_id -> Uuid,
        package_id -> Uuid,
        ordinal -> Int4,
        fiscal_year -> Int4,
        sub_activity -> Nullable<Text>,
        account_code -> Nullable<Text>,
        account_text -> Text,
        fund_source -> Text,
        dpa_version -> Text,
        ceiling -> Numeric,
        reserved -> Numeric,
        committed -> Numeric,
        spent -> Numeric,
        shortfall -> Numeric,
        raw -> Jsonb,
        source -> Text,
        source_ref -> Nullable<Text>,
        confirmed_at -> Timestamptz,
        external_value -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
    }
}

diesel::table! {
    budget_reservations (id) {
        id -> Uuid,
        package_id -> Uuid,
        budget_line_id -> Nullable<Uuid>,
        request_id -> Uuid,
        order_id -> Nullable<Uuid>,
        amount -> Numeric,
        stage -> Text,
        lapses_at -> Nullable<Timestamptz>,
        released_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    categories (code) {
        code -> Text,
        parent_code -> Nullable<Text>,
        level -> Int4,
        name_id -> Text,
        name_en -> Text,
        procurement_kind -> Nullable<Text>,
        tax_class -> Nullable<Text>,
        review_mode -> Nullable<Text>,
        required_papers -> Array<Text>,
        kbki_code -> Nullable<Text>,
        kbli_prefixes -> Array<Text>,
        default_unit -> Nullable<Text>,
        default_availability -> Nullable<Text>,
        default_lead_time_days -> Nullable<Int4>,
        recurring_group -> Nullable<Text>,
    }
}

diesel::table! {
    commitment_salts (record_id) {
        record_id -> Uuid,
        salt -> Bytea,
    }
}

diesel::table! {
    contacts (id) {
        id -> Uuid,
        user_id -> Uuid,
        kind -> Text,
        value_id -> Uuid,
        verified_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        link_version -> Int4,
    }
}

diesel::table! {
    day_capacity (product_id, day) {
        product_id -> Uuid,
        day -> Date,
        capacity -> Numeric,
        reserved -> Numeric,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Uuid,
        event_id -> Uuid,
        realm -> Text,
        value_id -> Uuid,
        language -> Text,
        template -> Text,
        arguments -> Jsonb,
        attempts -> Int4,
        due_at -> Timestamptz,
        leased_until -> Nullable<Timestamptz>,
        sent_at -> Nullable<Timestamptz>,
        given_up_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    delivery_slots (id) {
        id -> Uuid,
        line_id -> Uuid,
        position -> Int4,
        day -> Date,
        time_from -> Time,
        time_to -> Time,
        region_code -> Text,
        address -> Text,
        contact_name -> Text,
        contact_phone_id -> Nullable<Uuid>,
        quantity -> Numeric,
    }
}

diesel::table! {
    evaluations (id) {
        id -> Uuid,
        request_id -> Uuid,
        number -> Int4,
        scores -> Jsonb,
        reason -> Nullable<Text>,
        input -> Jsonb,
        ranking -> Jsonb,
        content_hash -> Bytea,
        membership_id -> Uuid,
        completed_at -> Timestamptz,
        awarded_at -> Nullable<Timestamptz>,
        awarded_by_membership_id -> Nullable<Uuid>,
        award_reason -> Nullable<Text>,
    }
}

diesel::table! {
    event_positions (position) {
        position -> Int8,
        event_id -> Uuid,
        recorded_at -> Timestamptz,
    }
}

diesel::table! {
    event_readers (reader) {
        reader -> Text,
        position -> Int8,
    }
}

diesel::table! {
    events (id, recorded_at) {
        id -> Uuid,
        recorded_at -> Timestamptz,
        realm -> Text,
        trade_time -> Timestamptz,
        kind -> Text,
        schema_version -> Int4,
        subject_kind -> Text,
        subject_id -> Uuid,
        payload -> Jsonb,
        commitment -> Bytea,
        transaction_id -> Int8,
    }
}

diesel::table! {
    holidays (day) {
        day -> Date,
        name -> Text,
        kind -> Text,
        legal_basis -> Text,
    }
}

diesel::table! {
    idempotency_keys (scope) {
        scope -> Bytea,
        request_mac -> Bytea,
        answer -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    invitations (id) {
        id -> Uuid,
        realm -> Text,
        organisation_id -> Uuid,
        contact_kind -> Text,
        contact_id -> Uuid,
        role -> Text,
        capacity -> Nullable<Text>,
        letter_number -> Nullable<Text>,
        unit_ids -> Array<Uuid>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        invited_by -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        accepted_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        version -> Int4,
    }
}

diesel::table! {
    jobs (id) {
        id -> Uuid,
        kind -> Text,
        state -> Text,
        done -> Int8,
        total -> Nullable<Int8>,
        marker -> Nullable<Uuid>,
        started_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    login_delays (subject) {
        subject -> Bytea,
        failures -> Int4,
        blocked_until -> Timestamptz,
    }
}

diesel::table! {
    membership_units (membership_id, unit_id) {
        membership_id -> Uuid,
        unit_id -> Uuid,
    }
}

diesel::table! {
    memberships (id) {
        id -> Uuid,
        user_id -> Uuid,
        organisation_id -> Uuid,
        realm -> Text,
        role -> Text,
        capacity -> Nullable<Text>,
        letter_number -> Nullable<Text>,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        ended_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        version -> Int4,
        deputy_for -> Nullable<Uuid>,
        deputy_kind -> Nullable<Text>,
    }
}

diesel::table! {
    negotiation_rounds (id) {
        id -> Uuid,
        negotiation_id -> Uuid,
        number -> Int4,
        proposed_by -> Text,
        membership_id -> Uuid,
        unit_prices -> Jsonb,
        goods_total -> Numeric,
        shipping_fee -> Numeric,
        vat_total -> Numeric,
        gross_total -> Numeric,
        lead_time_days -> Nullable<Int4>,
        note -> Nullable<Text>,
        proposed_at -> Timestamptz,
        expires_at -> Timestamptz,
    }
}

diesel::table! {
    negotiations (id) {
        id -> Uuid,
        realm -> Text,
        request_id -> Uuid,
        vendor_id -> Uuid,
        attempt -> Int4,
        status -> Text,
        lines -> Jsonb,
        shipping_fee -> Numeric,
        gross_total -> Numeric,
        opened_at -> Timestamptz,
        last_activity_at -> Timestamptz,
        agreed_round_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    number_counters (realm, agency_id, unit_id, kind, fiscal_year) {
        realm -> Text,
        agency_id -> Uuid,
        unit_id -> Uuid,
        kind -> Text,
        fiscal_year -> Int4,
        last_number -> Int4,
    }
}

diesel::table! {
    objections (id) {
        id -> Uuid,
        request_id -> Uuid,
        quote_id -> Uuid,
        text -> Text,
        filed_at -> Timestamptz,
        upheld -> Nullable<Bool>,
        decision -> Nullable<Text>,
        decided_at -> Nullable<Timestamptz>,
        decided_by_membership_id -> Nullable<Uuid>,
        evaluation_id -> Uuid,
    }
}

diesel::table! {
    opened_quotes (quote_id) {
        quote_id -> Uuid,
        request_id -> Uuid,
        content -> Nullable<Jsonb>,
        salt -> Nullable<Bytea>,
        facts -> Jsonb,
        fault -> Nullable<Text>,
        opened_at -> Timestamptz,
    }
}

diesel::table! {
    opening_attempts (id) {
        id -> Uuid,
        request_id -> Uuid,
        membership_id -> Nullable<Uuid>,
        user_id -> Nullable<Uuid>,
        attempted_at -> Timestamptz,
        outcome -> Text,
    }
}

diesel::table! {
    order_changes (id) {
        id -> Uuid,
        order_id -> Uuid,
        status -> Text,
        proposed_at -> Timestamptz,
        needed_on -> Nullable<Date>,
        unit_prices -> Jsonb,
        brand -> Nullable<Text>,
        reason -> Text,
        decided_at -> Nullable<Timestamptz>,
        decision_reason -> Nullable<Text>,
        version -> Int4,
    }
}

diesel::table! {
    order_lines (id) {
        id -> Uuid,
        order_id -> Uuid,
        request_line_id -> Uuid,
        position -> Int4,
        product_id -> Uuid,
        quantity -> Numeric,
        unit_price -> Numeric,
        goods_amount -> Numeric,
        vat_amount -> Numeric,
        snapshot -> Jsonb,
    }
}

diesel::table! {
    orders (id) {
        id -> Uuid,
        realm -> Text,
        agency_id -> Uuid,
        unit_id -> Uuid,
        vendor_id -> Uuid,
        request_id -> Uuid,
        number -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        fulfilment -> Text,
        acceptance -> Text,
        billing -> Text,
        goods_total -> Numeric,
        shipping_fee -> Numeric,
        vat_total -> Numeric,
        gross_total -> Numeric,
        tax_regime -> Text,
        payment_way -> Text,
        contract_form -> Text,
        policy_versions -> Jsonb,
        needed_on -> Date,
        issued_at -> Timestamptz,
        answer_due_at -> Timestamptz,
        clock_provisional -> Bool,
        answered_at -> Nullable<Timestamptz>,
        expiry_announced_at -> Nullable<Timestamptz>,
        cancel_asked_by -> Nullable<Text>,
        cancel_reason -> Nullable<Text>,
        replaced_by_request_id -> Nullable<Uuid>,
        origin_system -> Nullable<Text>,
        external_ref -> Nullable<Text>,
        version -> Int4,
        last_delivery_on -> Nullable<Date>,
        award -> Int4,
        reminded_for -> Nullable<Timestamptz>,
        passed_over_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    organisation_keys (organisation_id) {
        organisation_id -> Uuid,
        wrapped_key -> Bytea,
    }
}

diesel::table! {
    organisations (id) {
        id -> Uuid,
        realm -> Text,
        kind -> Text,
        name -> Text,
        code -> Nullable<Text>,
        time_zone -> Text,
        origin_system -> Nullable<Text>,
        external_ref -> Nullable<Text>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
    }
}

diesel::table! {
    packages (id) {
        id -> Uuid,
        realm -> Text,
        agency_id -> Uuid,
        unit_id -> Uuid,
        rup_code -> Text,
        name -> Text,
        description -> Nullable<Text>,
        fiscal_year -> Int4,
        procurement_kind -> Nullable<Text>,
        method -> Nullable<Text>,
        ceiling -> Numeric,
        reserved -> Numeric,
        committed -> Numeric,
        shortfall -> Numeric,
        fund_source -> Nullable<Text>,
        account_text -> Nullable<Text>,
        status_pradipa -> Nullable<Text>,
        contract_start -> Nullable<Date>,
        contract_end -> Nullable<Date>,
        raw -> Jsonb,
        source -> Text,
        source_ref -> Nullable<Text>,
        confirmed_at -> Timestamptz,
        external_value -> Nullable<Text>,
        mapped_from_year -> Nullable<Int4>,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
    }
}

diesel::table! {
    personal_values (id) {
        id -> Uuid,
        kind -> Text,
        sealed -> Bytea,
        blind_index -> Bytea,
        blind_index_next -> Nullable<Bytea>,
        exclusive_scope -> Nullable<Text>,
    }
}

diesel::table! {
    policies (id) {
        id -> Uuid,
        key -> Text,
        agency_id -> Nullable<Uuid>,
        value -> Text,
        unit -> Text,
        valid_from -> Date,
        valid_to -> Nullable<Date>,
        legal_basis -> Text,
        note -> Text,
        set_by -> Nullable<Uuid>,
        set_at -> Timestamptz,
        end_reason -> Nullable<Text>,
        version -> Int4,
    }
}

diesel::table! {
    price_history (id) {
        id -> Uuid,
        product_id -> Uuid,
        price -> Numeric,
        price_basis -> Text,
        tiers -> Jsonb,
        changed_by -> Nullable<Uuid>,
        changed_at -> Timestamptz,
    }
}

diesel::table! {
    price_tiers (product_id, minimum_quantity) {
        product_id -> Uuid,
        minimum_quantity -> Numeric,
        price -> Numeric,
    }
}

diesel::table! {
    product_documents (product_id) {
        product_id -> Uuid,
        realm -> Text,
        vendor_id -> Uuid,
        version -> Int4,
        counted -> Bool,
        document -> Text,
    }
}

diesel::table! {
    product_photos (id) {
        id -> Uuid,
        product_id -> Uuid,
        position -> Int4,
        media_type -> Text,
        size_bytes -> Int8,
        sha256 -> Bytea,
        storage_key -> Text,
        uploaded_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Tsvector;

    products (id) {
        id -> Uuid,
        realm -> Text,
        vendor_id -> Uuid,
        status -> Text,
        status_reason -> Nullable<Text>,
        category_code -> Text,
        name -> Text,
        description -> Text,
        unit -> Text,
        price -> Numeric,
        price_basis -> Text,
        tax_class -> Text,
        kbki_code -> Text,
        origin -> Text,
        brand -> Nullable<Text>,
        gtin -> Nullable<Text>,
        warranty -> Nullable<Text>,
        tkdn_percent -> Nullable<Numeric>,
        bmp_percent -> Nullable<Numeric>,
        attributes -> Jsonb,
        availability -> Text,
        minimum_order -> Numeric,
        lead_time_days -> Int4,
        weight_grams -> Nullable<Int4>,
        capacity_per_day -> Nullable<Numeric>,
        region_code -> Text,
        sku -> Nullable<Text>,
        origin_system -> Nullable<Text>,
        external_ref -> Nullable<Text>,
        search -> Tsvector,
        published_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int4,
    }
}

diesel::table! {
    purchase_proofs (id) {
        id -> Uuid,
        realm -> Text,
        request_id -> Uuid,
        media_type -> Text,
        size_bytes -> Int8,
        sha256 -> Bytea,
        storage_key -> Text,
        uploaded_at -> Timestamptz,
        membership_id -> Uuid,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quotation_addenda (id) {
        id -> Uuid,
        request_id -> Uuid,
        number -> Int4,
        text -> Text,
        quote_deadline -> Timestamptz,
        issued_at -> Timestamptz,
        membership_id -> Uuid,
    }
}

diesel::table! {
    quotation_invitations (request_id, vendor_id) {
        request_id -> Uuid,
        vendor_id -> Uuid,
        realm -> Text,
        invited_at -> Timestamptz,
    }
}

diesel::table! {
    quotation_keys (request_id, number) {
        request_id -> Uuid,
        number -> Int4,
        public_key -> Bytea,
        wrapped_private_key -> Bytea,
        quote_deadline -> Timestamptz,
    }
}

diesel::table! {
    quotation_lines (id) {
        id -> Uuid,
        realm -> Text,
        request_id -> Uuid,
        position -> Int4,
        product_id -> Nullable<Uuid>,
        category_code -> Text,
        name -> Text,
        description -> Text,
        unit -> Text,
        attributes -> Jsonb,
        quantity -> Numeric,
    }
}

diesel::table! {
    quotation_questions (id) {
        id -> Uuid,
        request_id -> Uuid,
        vendor_id -> Uuid,
        question -> Text,
        asked_at -> Timestamptz,
        answer -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
        answered_by_membership_id -> Nullable<Uuid>,
    }
}

diesel::table! {
    quotation_slots (id) {
        id -> Uuid,
        line_id -> Uuid,
        position -> Int4,
        day -> Date,
        time_from -> Time,
        time_to -> Time,
        region_code -> Text,
        address -> Text,
        contact_name -> Text,
        contact_phone_id -> Nullable<Uuid>,
        quantity -> Numeric,
    }
}

diesel::table! {
    quotations (request_id) {
        request_id -> Uuid,
        realm -> Text,
        invitation -> Text,
        award -> Text,
        evaluation -> Text,
        criteria -> Jsonb,
        terms -> Text,
        window_days -> Int4,
        estimate_total -> Nullable<Numeric>,
        estimate_public -> Bool,
        estimate_sealed -> Nullable<Bytea>,
        estimate_set_at -> Nullable<Timestamptz>,
        addenda -> Int4,
        opening_mode -> Nullable<Text>,
        opened_for_quotes_at -> Nullable<Timestamptz>,
        opened_at -> Nullable<Timestamptz>,
        evaluated_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quote_cures (id) {
        id -> Uuid,
        quote_id -> Uuid,
        fault -> Text,
        asked_at -> Timestamptz,
        asked_by_membership_id -> Uuid,
        due_at -> Timestamptz,
        answer -> Nullable<Text>,
        answered_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    quote_submissions (quote_id, number) {
        quote_id -> Uuid,
        number -> Int4,
        request_id -> Uuid,
        key_number -> Int4,
        sealed -> Bytea,
        commitment -> Bytea,
        submitted_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    quotes (id) {
        id -> Uuid,
        realm -> Text,
        request_id -> Uuid,
        vendor_id -> Uuid,
        status -> Text,
        status_reason -> Nullable<Text>,
        own_copy -> Bytea,
        changed_at -> Timestamptz,
        submission -> Nullable<Int4>,
        submitted_at -> Nullable<Timestamptz>,
        commitment -> Nullable<Bytea>,
        confirmed_addenda -> Int4,
        version -> Int4,
        disqualified_code -> Nullable<Text>,
        verified_at -> Nullable<Timestamptz>,
        passed_over_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    realms (realm) {
        realm -> Text,
        clock_offset_seconds -> Int8,
    }
}

diesel::table! {
    reassignments (id) {
        id -> Uuid,
        request_id -> Uuid,
        duty -> Text,
        from_membership_id -> Nullable<Uuid>,
        to_membership_id -> Uuid,
        letter_number -> Text,
        reassigned_at -> Timestamptz,
    }
}

diesel::table! {
    refresh_tokens (token_hash) {
        token_hash -> Bytea,
        session_id -> Uuid,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    regions (code) {
        code -> Text,
        name -> Text,
        level -> Text,
        parent_code -> Nullable<Text>,
    }
}

diesel::table! {
    request_hands (request_id, duty, user_id) {
        request_id -> Uuid,
        duty -> Text,
        user_id -> Uuid,
    }
}

diesel::table! {
    request_lines (id) {
        id -> Uuid,
        realm -> Text,
        request_id -> Uuid,
        position -> Int4,
        product_id -> Uuid,
        vendor_id -> Uuid,
        quantity -> Numeric,
        product_version -> Nullable<Int4>,
        unit_price -> Nullable<Numeric>,
        goods_amount -> Nullable<Numeric>,
        vat_amount -> Nullable<Numeric>,
        snapshot -> Nullable<Jsonb>,
    }
}

diesel::table! {
    request_shipping (request_id, vendor_id) {
        request_id -> Uuid,
        vendor_id -> Uuid,
        fee -> Numeric,
        fee_vat -> Numeric,
    }
}

diesel::table! {
    requests (id) {
        id -> Uuid,
        realm -> Text,
        agency_id -> Uuid,
        unit_id -> Uuid,
        method -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        title -> Text,
        procurement_kind -> Text,
        contract_form -> Text,
        payment_way -> Text,
        package_id -> Uuid,
        budget_line_id -> Nullable<Uuid>,
        budget_mode -> Nullable<Text>,
        treasurer_id -> Nullable<Uuid>,
        activity_officer_id -> Nullable<Uuid>,
        dpa_number -> Nullable<Text>,
        sub_activity -> Nullable<Text>,
        account_code -> Nullable<Text>,
        fund_source -> Nullable<Text>,
        budget_declared -> Bool,
        fiscal_year -> Int4,
        officer_id -> Uuid,
        commitment_officer_id -> Nullable<Uuid>,
        comparison -> Nullable<Jsonb>,
        split_reason -> Nullable<Text>,
        needed_on -> Date,
        goods_total -> Numeric,
        shipping_fee -> Numeric,
        vat_total -> Numeric,
        gross_total -> Numeric,
        tax_regime -> Nullable<Text>,
        policy_versions -> Jsonb,
        content_hash -> Nullable<Bytea>,
        approval_roles -> Array<Text>,
        submitted_at -> Nullable<Timestamptz>,
        approval_due_at -> Nullable<Timestamptz>,
        approved_at -> Nullable<Timestamptz>,
        renewed_from -> Nullable<Uuid>,
        replaces_order_id -> Nullable<Uuid>,
        origin_system -> Nullable<Text>,
        external_ref -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int4,
        negotiation_due_at -> Nullable<Timestamptz>,
        attempt -> Int4,
        agreed_terms -> Nullable<Jsonb>,
        quote_deadline -> Nullable<Timestamptz>,
        objections_until -> Nullable<Timestamptz>,
        urgent_code -> Nullable<Text>,
        urgent_reason -> Nullable<Text>,
        reminded_for -> Nullable<Timestamptz>,
        recorded -> Nullable<Jsonb>,
    }
}

diesel::table! {
    score_sheets (request_id, user_id) {
        request_id -> Uuid,
        user_id -> Uuid,
        membership_id -> Uuid,
        scores -> Jsonb,
        handed_in_at -> Timestamptz,
    }
}

diesel::table! {
    sessions (id) {
        id -> Uuid,
        user_id -> Uuid,
        membership_id -> Nullable<Uuid>,
        device -> Text,
        created_at -> Timestamptz,
        last_used_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        end_reason -> Nullable<Text>,
    }
}

diesel::table! {
    stock (product_id) {
        product_id -> Uuid,
        on_hand -> Numeric,
        reserved -> Numeric,
    }
}

diesel::table! {
    stock_reservations (id) {
        id -> Uuid,
        product_id -> Uuid,
        day -> Nullable<Date>,
        quantity -> Numeric,
        request_id -> Uuid,
        order_id -> Nullable<Uuid>,
        lapses_at -> Nullable<Timestamptz>,
        released_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    units_of_measure (code) {
        code -> Text,
        name_id -> Text,
        name_en -> Text,
        symbol -> Text,
    }
}

diesel::table! {
    users (id) {
        id -> Uuid,
        full_name -> Text,
        password_hash -> Text,
        language -> Text,
        demo -> Bool,
        reset_requested_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
        reset_version -> Int4,
    }
}

diesel::table! {
    vendor_documents (id) {
        id -> Uuid,
        vendor_id -> Uuid,
        kind -> Text,
        number -> Nullable<Text>,
        issued_on -> Nullable<Date>,
        expires_on -> Nullable<Date>,
        media_type -> Text,
        size_bytes -> Int8,
        sha256 -> Bytea,
        storage_key -> Text,
        uploaded_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    vendor_facts (vendor_id, fact) {
        vendor_id -> Uuid,
        fact -> Text,
        source -> Text,
        source_ref -> Nullable<Text>,
        confirmed_at -> Nullable<Timestamptz>,
        external_value -> Nullable<Text>,
    }
}

diesel::table! {
    vendor_licences (id) {
        id -> Uuid,
        vendor_id -> Uuid,
        kind -> Text,
        number -> Text,
        issuer -> Text,
        register -> Nullable<Text>,
        expires_on -> Nullable<Date>,
        status -> Text,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    vendor_regions (vendor_id, region_code) {
        vendor_id -> Uuid,
        region_code -> Text,
        shipping_terms -> Text,
        fee -> Numeric,
    }
}

diesel::table! {
    vendors (id) {
        id -> Uuid,
        realm -> Text,
        kind -> Text,
        legal_form -> Text,
        name -> Text,
        sells -> Text,
        status -> Text,
        status_reason -> Nullable<Text>,
        suspended_until -> Nullable<Timestamptz>,
        submitted_at -> Nullable<Timestamptz>,
        claimed_by -> Nullable<Uuid>,
        claimed_at -> Nullable<Timestamptz>,
        decided_at -> Nullable<Timestamptz>,
        nib -> Nullable<Text>,
        npwp -> Nullable<Text>,
        npwp_id -> Nullable<Uuid>,
        nik_id -> Nullable<Uuid>,
        phone_id -> Nullable<Uuid>,
        bank_code -> Nullable<Text>,
        bank_account_id -> Nullable<Uuid>,
        bank_holder -> Nullable<Text>,
        address -> Nullable<Text>,
        region_code -> Nullable<Text>,
        kbli_codes -> Array<Text>,
        vat_registered -> Bool,
        vat_confirmation_number -> Nullable<Text>,
        final_tax_certificate_number -> Nullable<Text>,
        final_tax_certificate_until -> Nullable<Date>,
        capital -> Nullable<Numeric>,
        annual_sales -> Nullable<Numeric>,
        size_class -> Nullable<Text>,
        origin_system -> Nullable<Text>,
        external_ref -> Nullable<Text>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        version -> Int4,
    }
}

diesel::table! {
    work_units (id) {
        id -> Uuid,
        realm -> Text,
        agency_id -> Uuid,
        parent_id -> Nullable<Uuid>,
        code -> Text,
        source_code -> Nullable<Text>,
        name -> Text,
        short_name -> Text,
        source -> Nullable<Text>,
        source_ref -> Nullable<Text>,
        confirmed_at -> Nullable<Timestamptz>,
        external_value -> Nullable<Text>,
        ended_at -> Nullable<Timestamptz>,
        version -> Int4,
    }
}

diesel::joinable!(approvals -> memberships (membership_id));
diesel::joinable!(approvals -> requests (request_id));
diesel::joinable!(approvals -> users (user_id));
diesel::joinable!(audit -> realms (realm));
diesel::joinable!(budget_reservations -> budget_lines (budget_line_id));
diesel::joinable!(budget_reservations -> packages (package_id));
diesel::joinable!(categories -> units_of_measure (default_unit));
diesel::joinable!(contacts -> personal_values (value_id));
diesel::joinable!(contacts -> users (user_id));
diesel::joinable!(day_capacity -> products (product_id));
diesel::joinable!(deliveries -> personal_values (value_id));
diesel::joinable!(delivery_slots -> personal_values (contact_phone_id));
diesel::joinable!(delivery_slots -> regions (region_code));
diesel::joinable!(delivery_slots -> request_lines (line_id));
diesel::joinable!(evaluations -> requests (request_id));
diesel::joinable!(events -> realms (realm));
diesel::joinable!(invitations -> personal_values (contact_id));
diesel::joinable!(invitations -> users (invited_by));
diesel::joinable!(membership_units -> memberships (membership_id));
diesel::joinable!(membership_units -> work_units (unit_id));
diesel::joinable!(memberships -> users (user_id));
diesel::joinable!(negotiation_rounds -> memberships (membership_id));
diesel::joinable!(objections -> evaluations (evaluation_id));
diesel::joinable!(objections -> memberships (decided_by_membership_id));
diesel::joinable!(objections -> quotes (quote_id));
diesel::joinable!(objections -> requests (request_id));
diesel::joinable!(opened_quotes -> quotes (quote_id));
diesel::joinable!(opened_quotes -> requests (request_id));
diesel::joinable!(opening_attempts -> memberships (membership_id));
diesel::joinable!(opening_attempts -> requests (request_id));
diesel::joinable!(opening_attempts -> users (user_id));
diesel::joinable!(order_changes -> orders (order_id));
diesel::joinable!(order_lines -> orders (order_id));
diesel::joinable!(order_lines -> products (product_id));
diesel::joinable!(order_lines -> request_lines (request_line_id));
diesel::joinable!(organisation_keys -> organisations (organisation_id));
diesel::joinable!(organisations -> realms (realm));
diesel::joinable!(policies -> memberships (set_by));
diesel::joinable!(policies -> organisations (agency_id));
diesel::joinable!(price_history -> products (product_id));
diesel::joinable!(price_tiers -> products (product_id));
diesel::joinable!(product_photos -> products (product_id));
diesel::joinable!(products -> categories (category_code));
diesel::joinable!(products -> regions (region_code));
diesel::joinable!(products -> units_of_measure (unit));
diesel::joinable!(purchase_proofs -> memberships (membership_id));
diesel::joinable!(quotation_addenda -> memberships (membership_id));
diesel::joinable!(quotation_addenda -> requests (request_id));
diesel::joinable!(quotation_keys -> requests (request_id));
diesel::joinable!(quotation_lines -> categories (category_code));
diesel::joinable!(quotation_lines -> products (product_id));
diesel::joinable!(quotation_lines -> units_of_measure (unit));
diesel::joinable!(quotation_questions -> memberships (answered_by_membership_id));
diesel::joinable!(quotation_questions -> requests (request_id));
diesel::joinable!(quotation_questions -> vendors (vendor_id));
diesel::joinable!(quotation_slots -> personal_values (contact_phone_id));
diesel::joinable!(quotation_slots -> quotation_lines (line_id));
diesel::joinable!(quotation_slots -> regions (region_code));
diesel::joinable!(quote_cures -> memberships (asked_by_membership_id));
diesel::joinable!(quote_cures -> quotes (quote_id));
diesel::joinable!(quote_submissions -> quotes (quote_id));
diesel::joinable!(quote_submissions -> requests (request_id));
diesel::joinable!(reassignments -> requests (request_id));
diesel::joinable!(refresh_tokens -> sessions (session_id));
diesel::joinable!(request_hands -> requests (request_id));
diesel::joinable!(request_hands -> users (user_id));
diesel::joinable!(request_shipping -> requests (request_id));
diesel::joinable!(request_shipping -> vendors (vendor_id));
diesel::joinable!(score_sheets -> memberships (membership_id));
diesel::joinable!(score_sheets -> requests (request_id));
diesel::joinable!(score_sheets -> users (user_id));
diesel::joinable!(sessions -> memberships (membership_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(stock -> products (product_id));
diesel::joinable!(stock_reservations -> products (product_id));
diesel::joinable!(vendor_documents -> vendors (vendor_id));
diesel::joinable!(vendor_facts -> vendors (vendor_id));
diesel::joinable!(vendor_licences -> vendors (vendor_id));
diesel::joinable!(vendor_regions -> regions (region_code));
diesel::joinable!(vendor_regions -> vendors (vendor_id));
diesel::joinable!(vendors -> regions (region_code));
diesel::joinable!(vendors -> users (claimed_by));

diesel::allow_tables_to_appear_in_same_query!(approvals, memberships);
diesel::allow_tables_to_appear_in_same_query!(approvals, requests);
diesel::allow_tables_to_appear_in_same_query!(approvals, users);
diesel::allow_tables_to_appear_in_same_query!(audit, realms);
diesel::allow_tables_to_appear_in_same_query!(budget_lines, budget_reservations);
diesel::allow_tables_to_appear_in_same_query!(budget_lines, packages);
diesel::allow_tables_to_appear_in_same_query!(budget_lines, requests);
diesel::allow_tables_to_appear_in_same_query!(budget_lines, work_units);
diesel::allow_tables_to_appear_in_same_query!(budget_reservations, packages);
diesel::allow_tables_to_appear_in_same_query!(categories, products);
diesel::allow_tables_to_appear_in_same_query!(categories, quotation_lines);
diesel::allow_tables_to_appear_in_same_query!(categories, units_of_measure);
diesel::allow_tables_to_appear_in_same_query!(contacts, personal_values);
diesel::allow_tables_to_appear_in_same_query!(contacts, users);
diesel::allow_tables_to_appear_in_same_query!(day_capacity, products);
diesel::allow_tables_to_appear_in_same_query!(deliveries, personal_values);
diesel::allow_tables_to_appear_in_same_query!(delivery_slots, personal_values);
diesel::allow_tables_to_appear_in_same_query!(delivery_slots, regions);
diesel::allow_tables_to_appear_in_same_query!(delivery_slots, request_lines);
diesel::allow_tables_to_appear_in_same_query!(evaluations, memberships);
diesel::allow_tables_to_appear_in_same_query!(evaluations, objections);
diesel::allow_tables_to_appear_in_same_query!(evaluations, requests);
diesel::allow_tables_to_appear_in_same_query!(events, realms);
diesel::allow_tables_to_appear_in_same_query!(invitations, organisations);
diesel::allow_tables_to_appear_in_same_query!(invitations, personal_values);
diesel::allow_tables_to_appear_in_same_query!(invitations, users);
diesel::allow_tables_to_appear_in_same_query!(membership_units, memberships);
diesel::allow_tables_to_appear_in_same_query!(membership_units, work_units);
diesel::allow_tables_to_appear_in_same_query!(memberships, negotiation_rounds);
diesel::allow_tables_to_appear_in_same_query!(memberships, objections);
diesel::allow_tables_to_appear_in_same_query!(memberships, opening_attempts);
diesel::allow_tables_to_appear_in_same_query!(memberships, organisations);
diesel::allow_tables_to_appear_in_same_query!(memberships, policies);
diesel::allow_tables_to_appear_in_same_query!(memberships, purchase_proofs);
diesel::allow_tables_to_appear_in_same_query!(memberships, quotation_addenda);
diesel::allow_tables_to_appear_in_same_query!(memberships, quotation_questions);
diesel::allow_tables_to_appear_in_same_query!(memberships, quote_cures);
diesel::allow_tables_to_appear_in_same_query!(memberships, reassignments);
diesel::allow_tables_to_appear_in_same_query!(memberships, requests);
diesel::allow_tables_to_appear_in_same_query!(memberships, score_sheets);
diesel::allow_tables_to_appear_in_same_query!(memberships, sessions);
diesel::allow_tables_to_appear_in_same_query!(memberships, users);
diesel::allow_tables_to_appear_in_same_query!(negotiation_rounds, negotiations);
diesel::allow_tables_to_appear_in_same_query!(negotiations, requests);
diesel::allow_tables_to_appear_in_same_query!(negotiations, vendors);
diesel::allow_tables_to_appear_in_same_query!(number_counters, work_units);
diesel::allow_tables_to_appear_in_same_query!(objections, quotes);
diesel::allow_tables_to_appear_in_same_query!(objections, requests);
diesel::allow_tables_to_appear_in_same_query!(opened_quotes, quotes);
diesel::allow_tables_to_appear_in_same_query!(opened_quotes, requests);
diesel::allow_tables_to_appear_in_same_query!(opening_attempts, requests);
diesel::allow_tables_to_appear_in_same_query!(opening_attempts, users);
diesel::allow_tables_to_appear_in_same_query!(order_changes, orders);
diesel::allow_tables_to_appear_in_same_query!(order_lines, orders);
diesel::allow_tables_to_appear_in_same_query!(order_lines, products);
diesel::allow_tables_to_appear_in_same_query!(order_lines, request_lines);
diesel::allow_tables_to_appear_in_same_query!(orders, requests);
diesel::allow_tables_to_appear_in_same_query!(orders, vendors);
diesel::allow_tables_to_appear_in_same_query!(orders, work_units);
diesel::allow_tables_to_appear_in_same_query!(organisation_keys, organisations);
diesel::allow_tables_to_appear_in_same_query!(organisations, policies);
diesel::allow_tables_to_appear_in_same_query!(organisations, realms);
diesel::allow_tables_to_appear_in_same_query!(organisations, vendors);
diesel::allow_tables_to_appear_in_same_query!(organisations, work_units);
diesel::allow_tables_to_appear_in_same_query!(packages, requests);
diesel::allow_tables_to_appear_in_same_query!(packages, work_units);
diesel::allow_tables_to_appear_in_same_query!(personal_values, quotation_slots);
diesel::allow_tables_to_appear_in_same_query!(personal_values, vendors);
diesel::allow_tables_to_appear_in_same_query!(price_history, products);
diesel::allow_tables_to_appear_in_same_query!(price_tiers, products);
diesel::allow_tables_to_appear_in_same_query!(product_documents, products);
diesel::allow_tables_to_appear_in_same_query!(product_photos, products);
diesel::allow_tables_to_appear_in_same_query!(products, quotation_lines);
diesel::allow_tables_to_appear_in_same_query!(products, regions);
diesel::allow_tables_to_appear_in_same_query!(products, request_lines);
diesel::allow_tables_to_appear_in_same_query!(products, stock);
diesel::allow_tables_to_appear_in_same_query!(products, stock_reservations);
diesel::allow_tables_to_appear_in_same_query!(products, units_of_measure);
diesel::allow_tables_to_appear_in_same_query!(products, vendors);
diesel::allow_tables_to_appear_in_same_query!(purchase_proofs, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_addenda, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_invitations, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_invitations, vendors);
diesel::allow_tables_to_appear_in_same_query!(quotation_keys, quote_submissions);
diesel::allow_tables_to_appear_in_same_query!(quotation_keys, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_lines, quotation_slots);
diesel::allow_tables_to_appear_in_same_query!(quotation_lines, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_lines, units_of_measure);
diesel::allow_tables_to_appear_in_same_query!(quotation_questions, requests);
diesel::allow_tables_to_appear_in_same_query!(quotation_questions, vendors);
diesel::allow_tables_to_appear_in_same_query!(quotation_slots, regions);
diesel::allow_tables_to_appear_in_same_query!(quotations, requests);
diesel::allow_tables_to_appear_in_same_query!(quote_cures, quotes);
diesel::allow_tables_to_appear_in_same_query!(quote_submissions, quotes);
diesel::allow_tables_to_appear_in_same_query!(quote_submissions, requests);
diesel::allow_tables_to_appear_in_same_query!(quotes, requests);
diesel::allow_tables_to_appear_in_same_query!(quotes, vendors);
diesel::allow_tables_to_appear_in_same_query!(reassignments, requests);
diesel::allow_tables_to_appear_in_same_query!(refresh_tokens, sessions);
diesel::allow_tables_to_appear_in_same_query!(regions, vendor_regions);
diesel::allow_tables_to_appear_in_same_query!(regions, vendors);
diesel::allow_tables_to_appear_in_same_query!(request_hands, requests);
diesel::allow_tables_to_appear_in_same_query!(request_hands, users);
diesel::allow_tables_to_appear_in_same_query!(request_lines, requests);
diesel::allow_tables_to_appear_in_same_query!(request_shipping, requests);
diesel::allow_tables_to_appear_in_same_query!(request_shipping, vendors);
diesel::allow_tables_to_appear_in_same_query!(requests, score_sheets);
diesel::allow_tables_to_appear_in_same_query!(requests, work_units);
diesel::allow_tables_to_appear_in_same_query!(score_sheets, users);
diesel::allow_tables_to_appear_in_same_query!(sessions, users);
diesel::allow_tables_to_appear_in_same_query!(users, vendors);
diesel::allow_tables_to_appear_in_same_query!(vendor_documents, vendors);
diesel::allow_tables_to_appear_in_same_query!(vendor_facts, vendors);
diesel::allow_tables_to_appear_in_same_query!(vendor_licences, vendors);
diesel::allow_tables_to_appear_in_same_query!(vendor_regions, vendors);
