package telemetry

import "github.com/weirstream/weir/queue"

// Queue returns the figures of a queue. Nil is no source.
func Queue(q *queue.Queue) Source {
	if q == nil || q.Stream() == nil {
		return Source{}
	}
	stream, name := q.Stream().Name(), q.Name()
	return Source{[]thing{thingOf("queue", name, "stream", stream)}, func(to emitter) {
		if c, err := q.Counts(); err == nil { // else it is closed
			queues.emit(to, &c, stream, name)
		}
	}}
}

var queues = familyOf("queue", []string{"stream", "queue"},
	figure[queue.Counts]{"visible_records", "", Gauge, "{record}", "Records that can be received now.",
		func(c *queue.Counts) float64 { return float64(c.Visible) }},
	figure[queue.Counts]{"in_flight_records", "", Gauge, "{record}", "Records that were received, and whose time runs.",
		func(c *queue.Counts) float64 { return float64(c.InFlight) }},
	figure[queue.Counts]{"delayed_records", "", Gauge, "{record}", "Records that wait for their delay.",
		func(c *queue.Counts) float64 { return float64(c.Delayed) }},
	figure[queue.Counts]{"blocked_records", "", Gauge, "{record}", "Records that wait for others of their partition key.",
		func(c *queue.Counts) float64 { return float64(c.Blocked) }},
	figure[queue.Counts]{"dead_letters", "", Gauge, "{record}", "Dead letters, received or not.",
		func(c *queue.Counts) float64 { return float64(c.DeadVisible + c.DeadInFlight) }},
	figure[queue.Counts]{"received_records", "", Counter, "{record}", "Deliveries, of dead letters too.",
		func(c *queue.Counts) float64 { return float64(c.Received) }},
	figure[queue.Counts]{"redelivered_records", "", Counter, "{record}", "Of these, those that were not the first of their record.",
		func(c *queue.Counts) float64 { return float64(c.Redelivered) }},
	figure[queue.Counts]{"acknowledged_records", "", Counter, "{record}", "Records that were acknowledged.",
		func(c *queue.Counts) float64 { return float64(c.Acknowledged) }},
	figure[queue.Counts]{"empty_receives", "", Counter, "{call}", "Calls that returned no record.",
		func(c *queue.Counts) float64 { return float64(c.EmptyReceives) }},
	figure[queue.Counts]{"dead_lettered_records", "", Counter, "{record}", "Times that a record became a dead letter.",
		func(c *queue.Counts) float64 { return float64(c.DeadLettered) }},
	figure[queue.Counts]{"expired_records", "", Counter, "{record}", "Records that went from the stream before they were done.",
		func(c *queue.Counts) float64 { return float64(c.Expired) }},
)
