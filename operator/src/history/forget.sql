DELETE FROM commands WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER newest AS place, sum(hosts) OVER newest AS hosts
        FROM (SELECT id, began, (SELECT count(*) FROM hosts WHERE hosts.command = commands.id) AS hosts FROM commands)
        WINDOW newest AS (ORDER BY began DESC, id DESC)
    )
    WHERE place > 1 AND (place > ?1 OR hosts > ?2)
)
