-- Areas that have ended are few, and every figure looks for them.
CREATE INDEX area_versions_ended ON area_versions (area_id) WHERE ended;
