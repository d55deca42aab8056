DROP TABLE vendor_documents, vendor_licences, vendor_regions, vendor_facts, vendors;
