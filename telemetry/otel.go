package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Observe makes an instrument of each figure, which a meter reads when it
// exports, until the registration ends. Labels are attributes of the same name.
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
		f.emit(func(i int, labels []string, v float64) {
			o.ObserveFloat64(instruments[i], v, metric.WithAttributes(attributes(catalog[i].Labels, labels)...))
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
