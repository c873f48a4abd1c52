-- Access groups have an id and a name; no two have the same name.
CREATE UNIQUE INDEX objects_access_group_name ON objects (alias) WHERE kind = 'access_group';
