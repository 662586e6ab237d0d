BEGIN TRANSACTION;
CREATE TABLE actions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            at TEXT NOT NULL,
            what TEXT NOT NULL,
            changes TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0
        );
INSERT INTO "actions" VALUES(1,'2026-11-21T11:33:03.341Z','starred “Neural Vocoding”','[{"before":null,"after":{"id":1,"text":"Neural Vocoding","original":"Neural Vocoding","note":"","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}}}]',0);
INSERT INTO "actions" VALUES(2,'2026-11-21T11:33:03.353Z','edited “Neural Vocoding, Revisited”','[{"before":{"id":1,"text":"Neural Vocoding","original":"Neural Vocoding","note":"","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}},"after":{"id":1,"text":"Neural Vocoding, Revisited","original":"Neural Vocoding","note":"","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}}}]',0);
INSERT INTO "actions" VALUES(3,'2026-11-21T11:33:03.378Z','wrote a note on “Neural Vocoding, Revisited”','[{"before":{"id":1,"text":"Neural Vocoding, Revisited","original":"Neural Vocoding","note":"","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}},"after":{"id":1,"text":"Neural Vocoding, Revisited","original":"Neural Vocoding","note":"for ICASSP?","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}}}]',0);
INSERT INTO "actions" VALUES(4,'2026-11-21T11:33:03.407Z','tagged “Neural Vocoding, Revisited”','[{"before":{"id":1,"text":"Neural Vocoding, Revisited","original":"Neural Vocoding","note":"for ICASSP?","tags":[],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}},"after":{"id":1,"text":"Neural Vocoding, Revisited","original":"Neural Vocoding","note":"for ICASSP?","tags":["asr","speech"],"order":0,"starred":"2026-11-21T11:33:03.340Z","settings":{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null},"seed":7,"perplexity":9.5,"tokens":5,"novelty":{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}}}]',0);
INSERT INTO "actions" VALUES(5,'2026-11-21T11:33:03.432Z','starred “R[0,1] and $\alpha$”','[{"before":null,"after":{"id":2,"text":"R[0,1] and $\\alpha$","original":"R[0,1] and $\\alpha$","note":"","tags":[],"order":1,"starred":"2026-11-21T11:33:03.432Z","settings":{"model":"","prefix":"","abstract":"","year":null,"count":0,"temperature":null,"top_p":null,"top_k":null,"length":null,"seed":null,"against":null},"seed":null,"perplexity":null,"tokens":0,"novelty":null}}]',0);
CREATE TABLE batches (
            id INTEGER PRIMARY KEY,
            created TEXT NOT NULL,
            settings TEXT NOT NULL
        );
INSERT INTO "batches" VALUES(1,'2026-11-21T11:33:03.293Z','{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null}');
CREATE TABLE candidates (
            id INTEGER PRIMARY KEY,
            batch INTEGER NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
            position INTEGER NOT NULL,
            key TEXT NOT NULL,
            text TEXT NOT NULL,
            perplexity REAL,
            tokens INTEGER NOT NULL,
            seed INTEGER,
            whole INTEGER NOT NULL,
            novelty TEXT
        );
INSERT INTO "candidates" VALUES(1,1,0,'neural vocoding','Neural Vocoding',9.5,5,7,1,'{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}');
INSERT INTO "candidates" VALUES(2,1,1,'neural things','Neural Things',NULL,3,7,1,NULL);
CREATE TABLE favourites (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            original_key TEXT NOT NULL UNIQUE,
            key TEXT NOT NULL,
            text TEXT NOT NULL,
            original TEXT NOT NULL,
            note TEXT NOT NULL,
            tags TEXT NOT NULL,
            position INTEGER NOT NULL,
            starred TEXT NOT NULL,
            settings TEXT NOT NULL,
            seed INTEGER,
            perplexity REAL,
            tokens INTEGER NOT NULL,
            novelty TEXT
        , checksum INTEGER);
INSERT INTO "favourites" VALUES(1,'neural vocoding','neural vocoding revisited','Neural Vocoding, Revisited','Neural Vocoding','for ICASSP?','["asr","speech"]',0,'2026-11-21T11:33:03.340Z','{"model":"starter","prefix":"Neural","abstract":"","year":null,"count":2,"temperature":0.8,"top_p":0.95,"top_k":0,"length":48,"seed":null,"against":null}',7,9.5,5,'{"kind":"near","similarity":0.86,"id":"2305.01234","title":"Neural Vocoding in the Wild","year":2023}',2876791839);
INSERT INTO "favourites" VALUES(2,'r 0 1 and alpha','r 0 1 and alpha','R[0,1] and $\alpha$','R[0,1] and $\alpha$','','[]',1,'2026-11-21T11:33:03.432Z','{"model":"","prefix":"","abstract":"","year":null,"count":0,"temperature":null,"top_p":null,"top_k":null,"length":null,"seed":null,"against":null}',NULL,NULL,0,NULL,2966377541);
CREATE INDEX candidates_batch ON candidates (batch, position);
CREATE INDEX candidates_key ON candidates (key);
CREATE INDEX favourites_key ON favourites (key);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('favourites',2);
INSERT INTO "sqlite_sequence" VALUES('actions',5);
COMMIT;
PRAGMA user_version = 2;
