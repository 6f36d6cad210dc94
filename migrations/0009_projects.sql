-- Projects: several files of definitions, each of one team, in one store.

-- Which project a name belongs to stands in the document itself, below "projects", where it is not the project ''; so all
-- that was applied so far is of the project ''. This column says whose file made the version. It has no default on
-- purpose: an `apply` of the release before, whose question is still open while this runs, would forget whose the names
-- are, and gets an error instead. Ingests and servers of that release write nothing here and go on.
ALTER TABLE asof.definitions ADD COLUMN project text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE asof.definitions ALTER COLUMN project DROP DEFAULT;
