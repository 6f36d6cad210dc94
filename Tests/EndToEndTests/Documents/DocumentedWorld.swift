/// A page whose blocks are run, in their order, in a folder and a store of their own.
struct DocumentedWorld: Sendable {
    let page: String
    /// What the page takes for granted: a script that is run before its first block.
    let prepared: String
    /// Scripts that are run before the block that begins so, where the page tells of something that happened meanwhile.
    var between: [String: String] = [:]
    /// Blocks that a running server answers have its port in place of 6567.
    var hasServer = false
    /// Whether what the blocks show is compared with what is printed; not where the data is another.
    var isCompared = true

    static let all: [DocumentedWorld] = [
        DocumentedWorld(
            page: "docs/how-to/ingest.md",
            prepared: definitions
                + """
                head -4 all.csv >stats.csv
                printf '%s\\n' 'user_stats,user_id=1001 clicks_7d=12i,ctr=0.31 1767225600000000000' \\
                    'weather,origin=JFK temp=39.02,wind=11.5 1767225600000000000' >points.lp
                """ + "\n" + gone,
            between: [
                "$ asof ingest user_stats stats.csv\nasof: ":
                    "printf 'user_id,event_time,clicks_7d,ctr\\n1,2026-01-01,1,\\n2,2026-01-01,2,\\n3,2026-01-01,five,\\n' >stats.csv"
            ]
        ),
        DocumentedWorld(
            page: "docs/how-to/training-sets.md",
            prepared: definitions
                + """
                cp all.csv stats.csv
                asof ingest user_stats stats.csv
                printf '%s\\n' user_id,at,bought 1001,2026-01-05T00:00:00Z,true 1001,2026-01-08T00:00:00Z,false \\
                    1001,2026-03-01T00:00:00Z,false 1002,2026-01-11T00:00:00Z,true >labels.csv
                psql -qX "$(asof uri)" -c 'CREATE TABLE sales (user_id bigint, at timestamptz)' -c "INSERT INTO sales VALUES (1001, '2026-01-05Z')"
                """ + "\n" + gone + "\nasof ingest user_stats gone.csv --deleted gone"
        ),
        DocumentedWorld(
            page: "docs/how-to/batch-views.md",
            prepared: """
                psql -qX "$ASOF_DATABASE" <<'SQL'
                CREATE TABLE public.orders (id bigint, user_id bigint, placed_at timestamptz, amount numeric, items int);
                INSERT INTO public.orders SELECT n, n % 7, '2026-01-01Z'::timestamptz + n * interval '1 hour', n, 1 FROM generate_series(1, 900) n;
                SQL
                asof init
                printf '%s\\n' 'include: [yaml-1]' 'entities: { user: { key: user_id, type: int64 } }' >features.yaml
                asof apply --yes
                """
        ),
        DocumentedWorld(
            page: "docs/how-to/rolling-aggregates.md",
            prepared: """
                psql -qX "$ASOF_DATABASE" <<'SQL'
                CREATE TABLE public.orders (id bigint, user_id bigint, placed_at timestamptz, amount numeric);
                INSERT INTO public.orders VALUES (1, 1, '2026-01-01 10:00Z', 10), (2, 1, '2026-01-03Z', 20.5);
                SQL
                asof init
                cp yaml-1 features.yaml
                asof apply --yes
                """
        ),
        DocumentedWorld(page: "docs/how-to/ci.md", prepared: definitions),
        DocumentedWorld(
            page: "docs/how-to/train.md",
            prepared: """
                asof init
                cat >features.yaml <<'YAML'
                include: [yaml-1]
                entities: { airport: { key: origin, type: string } }
                views: { weather: { entities: [airport], features: { temp: float64 } } }
                YAML
                awk 'BEGIN { print "origin,event_time,temp"; for (a = 1; a <= 6; a++) for (day = 1; day <= 28; day++)
                    printf "A%d,2026-02-%02dT00:00:00Z,%d\\n", a, day, a * day * 7 % 41 }' >weather.csv
                awk 'BEGIN { print "origin,carrier,at,late"; for (a = 1; a <= 6; a++) for (day = 1; day <= 28; day++) for (hour = 6; hour < 16; hour++)
                    printf "A%d,C%d,2026-02-%02dT%02d:00:00Z,%d\\n", a, hour % 3, day, hour, (a * day * 7 % 41 + hour * 13 % 17 > 25) }' >labels.csv
                asof apply --yes
                asof ingest weather weather.csv
                """
        ),
        DocumentedWorld(
            page: "docs/how-to/windows.md",
            prepared: """
                asof init
                cat yaml-1 yaml-2 >features.yaml
                asof apply --yes
                printf '%s\\n' origin,event_time,flight,delay,dest JFK,2024-01-01T09:40:00Z,AA-1,3,LAX \\
                    JFK,2024-01-01T10:00:00Z,B6-1,12.5,BOS JFK,2024-01-01T10:00:00Z,DL-2,0,SFO >departures.csv
                printf '%s\\n' origin,label_time JFK,2024-01-01T10:30:00Z >labels.csv
                """,
            hasServer: true
        ),
        DocumentedWorld(
            page: "docs/how-to/predict-in-batches.md",
            prepared: """
                asof init
                cat >features.yaml <<'YAML'
                include: [yaml-1]
                entities: { user: { key: user_id, type: int64 } }
                views: { user_stats: { entities: [user], features: { clicks_7d: int64, ctr: float64 } } }
                services: { ranking: [user_stats.clicks_7d] }
                models: { buys: { service: ranking, task: binary, label: bought, algorithm: logistic } }
                YAML
                asof apply --yes
                awk 'BEGIN { print "user_id,event_time,clicks_7d,ctr"; for (u = 1001; u < 1040; u++) print u ",2026-01-01T00:00:00Z," u % 31 ",0.1" }' >stats.csv
                awk 'BEGIN { print "user_id,at,bought"; for (u = 1001; u < 1040; u++) for (d = 2; d < 9; d++)
                    print u ",2026-01-0" d "T00:00:00Z," (u % 31 + d * 5 % 11 > 18) }' >labels.csv
                asof ingest user_stats stats.csv
                asof train buys --spine labels.csv --label-time at
                asof export --spine labels.csv --label-time at --features user_stats.ctr --drop bought --out users.parquet
                """,
            hasServer: true
        ),
        DocumentedWorld(
            page: "docs/explanation/service-versions.md",
            prepared: definitions + "sed -i 's/ttl: 30d/ttl: 7d/' features.yaml"
        ),
        DocumentedWorld(
            page: "docs/tutorial/flights.md",
            prepared: """
                cp "$REPOSITORY/examples/flights/features.yaml" .
                cp -r "$REPOSITORY/Tests/Fixtures/flights" data
                """,
            isCompared: false
        ),
    ]

    /// A view of users and one of weather, a service, and a file `all.csv`.
    private static let definitions = """
        asof init
        cat >features.yaml <<'YAML'
        entities: { user: { key: user_id, type: int64 }, airport: { key: origin, type: string } }
        views:
          user_stats: { entities: [user], ttl: 30d, features: { clicks_7d: int64, ctr: float64 } }
          weather: { entities: [airport], features: { temp: float64, wind: float64 } }
        services: { ranking: [user_stats.clicks_7d, user_stats.ctr] }
        YAML
        asof apply --yes
        printf '%s\\n' user_id,event_time,clicks_7d,ctr 1001,2026-01-01T00:00:00Z,12,0.08 1001,2026-01-08T00:00:00Z,31, \\
            1002,2026-01-02T00:00:00Z,5,0.02 1002,2026-01-09T00:00:00Z,6,0.03 >all.csv

        """

    private static let gone = """
        printf '%s\\n' user_id,event_time,clicks_7d,ctr,gone 1002,2026-01-10T00:00:00Z,,,true >gone.csv
        """
}
