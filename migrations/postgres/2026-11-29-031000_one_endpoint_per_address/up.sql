-- The same mailbox gets a notice once: one endpoint in use per area, post, channel and address, in whatever capitals.
ALTER TABLE endpoints ADD COLUMN address_key TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE endpoints SET address_key = lower(address);
UPDATE endpoints SET status = 'disabled', status_reason = 'another endpoint of this post has the same address', version = version + 1
WHERE status <> 'disabled' AND EXISTS (
    SELECT 1 FROM endpoints AS other
    WHERE other.area_id = endpoints.area_id AND other.post = endpoints.post AND other.channel = endpoints.channel
      AND other.address_key = endpoints.address_key AND other.status <> 'disabled'
      -- 'active' comes before 'paused'.
      AND (other.status < endpoints.status OR (other.status = endpoints.status AND other.id < endpoints.id))
);
-- What waits for one of these goes to the other too.
UPDATE deliveries SET state = 'cancelled', reason = 'another endpoint of this post has the same address', version = version + 1
WHERE state = 'queued'
  AND endpoint_id IN (SELECT id FROM endpoints WHERE status = 'disabled' AND status_reason = 'another endpoint of this post has the same address')
  AND EXISTS (
    SELECT 1 FROM deliveries AS other JOIN endpoints AS there ON there.id = other.endpoint_id
    WHERE other.notice_id = deliveries.notice_id AND other.channel = deliveries.channel AND there.status <> 'disabled'
      AND there.address_key = (SELECT address_key FROM endpoints WHERE id = deliveries.endpoint_id)
);
CREATE UNIQUE INDEX endpoints_address ON endpoints (area_id, post, channel, address_key) WHERE status <> 'disabled';

-- NULL in rows from before: among them an address may have had a notice twice.
ALTER TABLE deliveries ADD COLUMN address_key TEXT COLLATE "C";
CREATE UNIQUE INDEX deliveries_address ON deliveries (notice_id, channel, address_key);
