-- The release before may go on writing: versions that it registers have no fallback of their own, and answer by their model's.

-- What entities get that no view knows, as it was when the version was trained: base, model, null or a number.
ALTER TABLE asof.model_versions ADD COLUMN fallback text;
