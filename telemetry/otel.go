package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Observe makes an instrument of each figure, which a meter reads when it
// exports, until the registration ends. Labels are attributes of the same name.
//
// OpenTelemetry's SDK gives an instrument 2,000 sets of attributes, unless it is
// told otherwise, and adds up what goes beyond. For streams with more shards than
// that, see its WithCardinalityLimit.
func (f *Figures) Observe(meter metric.Meter) (metric.Registration, error) {
	instruments := make([]metric.Float64Observable, len(catalog))
	all := make([]metric.Observable, len(catalog))
	var errs []error
	for i, one := range catalog {
		var err error
		name, unit, help := one.OpenTelemetry(), metric.WithUnit(one.Unit), metric.WithDescription(one.Help)
		if one.Kind == Counter {
			instruments[i], err = meter.Float64ObservableCounter(name, unit, help)
		} else {
			instruments[i], err = meter.Float64ObservableGauge(name, unit, help)
		}
		all[i] = instruments[i]
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		var set metric.MeasurementOption // of the thing whose figures come one after the other
		var of *string
		f.emit(func(i int, labels []string, v float64) {
			if of != &labels[0] {
				of, set = &labels[0], metric.WithAttributeSet(attribute.NewSet(attributes(catalog[i].Labels, labels)...))
			}
			o.ObserveFloat64(instruments[i], v, set)
		})
		return nil
	}, all...)
}

func attributes(names, values []string) []attribute.KeyValue {
	list := make([]attribute.KeyValue, len(names))
	for i, name := range names {
		list[i] = attribute.String(name, label(values[i]))
	}
	return list
}
