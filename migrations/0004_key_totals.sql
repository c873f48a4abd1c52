-- What a key has spent over all windows begins with what is known of it: never less than is gone of its budget now, and never
-- less than its days say. Added to what was counted since, so that what others count meanwhile is not lost. Sums stay below
-- what fits.
INSERT INTO spend_counters (scope, id, budget, spent, resets_at)
SELECT 'key_total', known.id, '', MAX(known.spent) - MAX(known.counted), 0
FROM (
    SELECT id, spent, 0 AS counted FROM spend_counters WHERE scope = 'key' AND budget = ''
    UNION ALL
    SELECT id, spent, spent FROM spend_counters WHERE scope = 'key_total' AND budget = ''
    UNION ALL
    SELECT api_key, CAST(
        CASE WHEN SUM(cost / 1000000) > 9000000000000 THEN 9000000000000 ELSE SUM(cost / 1000000) END * 1000000
        + SUM(cost % 1000000) AS BIGINT), 0
    FROM spend_daily WHERE tag = '' AND LENGTH(api_key) = 64 GROUP BY api_key
) AS known
WHERE known.spent > 0
GROUP BY known.id
HAVING MAX(known.spent) > MAX(known.counted)
ORDER BY known.id
ON CONFLICT (scope, id, budget) DO UPDATE SET spent = spend_counters.spent + excluded.spent;
