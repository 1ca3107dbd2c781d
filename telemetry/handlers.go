package telemetry

import (
	"github.com/weirstream/weir/delivery"
	"github.com/weirstream/weir/eventsource"
	"github.com/weirstream/weir/window"
)

// Trigger returns the figures of a worker of an event source, by a name of the
// function. Nil is no source.
func Trigger(name string, s *eventsource.Source) Source {
	if s == nil {
		return Source{}
	}
	return Source{[]thing{thingOf("trigger", name, "", "")}, func(to emitter) {
		m := s.Metrics()
		triggers.emit(to, &m, name)
	}}
}

var triggers = familyOf("trigger", []string{"trigger"},
	figure[eventsource.Metrics]{"polled_events", "PolledEventCount", Counter, "{record}", "Records that were read.",
		func(m *eventsource.Metrics) float64 { return float64(m.PolledEventCount) }},
	figure[eventsource.Metrics]{"filtered_out_events", "FilteredOutEventCount", Counter, "{record}", "Of these, those that matched no filter.",
		func(m *eventsource.Metrics) float64 { return float64(m.FilteredOutEventCount) }},
	figure[eventsource.Metrics]{"invoked_events", "InvokedEventCount", Counter, "{record}", "Records that the function was given, retries included.",
		func(m *eventsource.Metrics) float64 { return float64(m.InvokedEventCount) }},
	figure[eventsource.Metrics]{"failed_events", "FailedInvokeEventCount", Counter, "{record}", "Of these, those in invocations that failed, wholly or in part.",
		func(m *eventsource.Metrics) float64 { return float64(m.FailedInvokeEventCount) }},
	figure[eventsource.Metrics]{"dropped_events", "DroppedEventCount", Counter, "{record}", "Records that were given up without a destination.",
		func(m *eventsource.Metrics) float64 { return float64(m.DroppedEventCount) }},
	figure[eventsource.Metrics]{"destination_events", "OnFailureDestinationDeliveredEventCount", Counter, "{record}", "Records that were given up with a destination.",
		func(m *eventsource.Metrics) float64 { return float64(m.OnFailureDestinationDeliveredEventCount) }},
	figure[eventsource.Metrics]{"destination_failures", "DestinationDeliveryFailures", Counter, "{call}", "Times that the destination failed.",
		func(m *eventsource.Metrics) float64 { return float64(m.DestinationDeliveryFailures) }},
	figure[eventsource.Metrics]{"invocations", "Invocations", Counter, "{call}", "Times that the function was begun.",
		func(m *eventsource.Metrics) float64 { return float64(m.Invocations) }},
	figure[eventsource.Metrics]{"errors", "Errors", Counter, "{call}", "Times that it failed by an error.",
		func(m *eventsource.Metrics) float64 { return float64(m.Errors) }},
	figure[eventsource.Metrics]{"throttles", "Throttles", Counter, "{call}", "Times that it was not begun.",
		func(m *eventsource.Metrics) float64 { return float64(m.Throttles) }},
	figure[eventsource.Metrics]{"retries", "", Counter, "{call}", "Invocations with a batch that had failed as it was.",
		func(m *eventsource.Metrics) float64 { return float64(m.Retries) }},
	figure[eventsource.Metrics]{"duration", "Duration", Counter, "s", "How long invocations took.",
		func(m *eventsource.Metrics) float64 { return m.Duration.Seconds() }},
	figure[eventsource.Metrics]{"concurrent_executions", "ConcurrentExecutions", Gauge, "{call}", "Invocations that are under way.",
		func(m *eventsource.Metrics) float64 { return float64(m.ConcurrentExecutions) }},
	figure[eventsource.Metrics]{"iterator_age", "IteratorAge", Gauge, "s", "Age of the last record of the last batch when the function came to its end.",
		func(m *eventsource.Metrics) float64 { return m.IteratorAge.Seconds() }},
)

// Delivery returns the figures of a worker of a delivery, by a name. Nil is no
// source.
func Delivery(name string, d *delivery.Delivery) Source {
	if d == nil {
		return Source{}
	}
	return Source{[]thing{thingOf("delivery", name, "", ""), workerOf(d.Metrics().Group)}, func(to emitter) {
		m := d.Metrics()
		deliveries.emit(to, &m, name)
		for output, o := range map[string]*delivery.OutputMetrics{"sink": &m.Delivered, "errors": &m.Errors, "backup": &m.Backup} {
			outputs.emit(to, o, name, output)
		}
		emitGroup(to, &m.Group)
	}}
}

var deliveries = familyOf("delivery", []string{"delivery"},
	figure[delivery.Metrics]{"incoming_records", "DataReadFromKinesisStream.Records", Counter, "{record}", "Records that were read.",
		func(m *delivery.Metrics) float64 { return float64(m.IncomingRecords) }},
	figure[delivery.Metrics]{"incoming", "DataReadFromKinesisStream.Bytes", Counter, "By", "Their data.",
		func(m *delivery.Metrics) float64 { return float64(m.IncomingBytes) }},
	figure[delivery.Metrics]{"transforms", "", Counter, "{call}", "Calls of the transform.",
		func(m *delivery.Metrics) float64 { return float64(m.Transforms) }},
	figure[delivery.Metrics]{"transform_errors", "", Counter, "{call}", "Of these, those that failed.",
		func(m *delivery.Metrics) float64 { return float64(m.TransformErrors) }},
	figure[delivery.Metrics]{"transform_time", "ExecuteProcessing.Duration", Counter, "s", "How long the transform took.",
		func(m *delivery.Metrics) float64 { return m.TransformTime.Seconds() }},
	figure[delivery.Metrics]{"dropped_records", "", Counter, "{record}", "Records that the transform left out.",
		func(m *delivery.Metrics) float64 { return float64(m.Dropped) }},
	figure[delivery.Metrics]{"conversions_failed", "FailedConversion.Records", Counter, "{record}", "Records that the format rejected.",
		func(m *delivery.Metrics) float64 { return float64(m.ConversionsFailed) }},
	figure[delivery.Metrics]{"partitions", "PartitionCount", Gauge, "{partition}", "Partitions that are being filled.",
		func(m *delivery.Metrics) float64 { return float64(m.Partitions) }},
	figure[delivery.Metrics]{"partitions_exceeded", "PartitionCountExceeded", Counter, "{record}", "Records that came for one partition too many.",
		func(m *delivery.Metrics) float64 { return float64(m.PartitionsExceeded) }},
	figure[delivery.Metrics]{"freshness", "DeliveryToS3.DataFreshness", Gauge, "s", "Age of the oldest record that is held, zero if none is.",
		func(m *delivery.Metrics) float64 { return m.Freshness.Seconds() }},
	figure[delivery.Metrics]{"lag", "KinesisMillisBehindLatest", Gauge, "s", "How far the shard is behind that is most.",
		func(m *delivery.Metrics) float64 { return m.Behind.Seconds() }},
	figure[delivery.Metrics]{"held", "", Gauge, "By", "Memory that records take.",
		func(m *delivery.Metrics) float64 { return float64(m.Held) }},
)

var outputs = familyOf("delivery_output", []string{"delivery", "output"},
	figure[delivery.OutputMetrics]{"objects", "DeliveryToS3.ObjectCount", Counter, "{object}", "Objects that were delivered.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.Objects) }},
	figure[delivery.OutputMetrics]{"records", "DeliveryToS3.Records", Counter, "{record}", "Records in them.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.Records) }},
	figure[delivery.OutputMetrics]{"delivered", "DeliveryToS3.Bytes", Counter, "By", "Data of these.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.Bytes) }},
	figure[delivery.OutputMetrics]{"body", "", Counter, "By", "What that was as it was formatted and compressed.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.BodyBytes) }},
	figure[delivery.OutputMetrics]{"failures", "", Counter, "{call}", "Deliveries that failed.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.Failures) }},
	figure[delivery.OutputMetrics]{"refused_records", "", Counter, "{record}", "Records that the output will not take.",
		func(m *delivery.OutputMetrics) float64 { return float64(m.Refused) }},
)

// Windows returns the figures of a worker that aggregates by windows, by a name.
// Nil is no source.
func Windows[V, A, R any](name string, w *window.Windower[V, A, R]) Source {
	if w == nil {
		return Source{}
	}
	return Source{[]thing{thingOf("windows", name, "", ""), workerOf(w.Metrics().Group)}, func(to emitter) {
		m := w.Metrics()
		windows.emit(to, &m, name)
		emitGroup(to, &m.Group)
	}}
}

var windows = familyOf("windows", []string{"windows"},
	figure[window.Metrics]{"records", "", Counter, "{record}", "Records that were read.",
		func(m *window.Metrics) float64 { return float64(m.Records) }},
	figure[window.Metrics]{"events", "", Counter, "{event}", "Events that were made of them.",
		func(m *window.Metrics) float64 { return float64(m.Events) }},
	figure[window.Metrics]{"late_events", "", Counter, "{event}", "Events that came too late for all of their windows.",
		func(m *window.Metrics) float64 { return float64(m.Late) }},
	figure[window.Metrics]{"rejected", "", Counter, "{event}", "Records and events that could not be used.",
		func(m *window.Metrics) float64 { return float64(m.Rejected) }},
	figure[window.Metrics]{"final_results", "", Counter, "{result}", "Results of windows that were complete.",
		func(m *window.Metrics) float64 { return float64(m.Final) }},
	figure[window.Metrics]{"early_results", "", Counter, "{result}", "Results before that.",
		func(m *window.Metrics) float64 { return float64(m.Early) }},
	figure[window.Metrics]{"updated_results", "", Counter, "{result}", "Results after that, of late records.",
		func(m *window.Metrics) float64 { return float64(m.Updates) }},
	figure[window.Metrics]{"failures", "", Counter, "{call}", "Times that a handler failed.",
		func(m *window.Metrics) float64 { return float64(m.Failures) }},
	figure[window.Metrics]{"checkpoints", "", Counter, "{checkpoint}", "Times that windows were kept.",
		func(m *window.Metrics) float64 { return float64(m.Checkpoints) }},
)
