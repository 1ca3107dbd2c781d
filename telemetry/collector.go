package telemetry

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Collector returns a collector of all sources that there are when it is asked.
func (f *Figures) Collector() prometheus.Collector {
	c := &collector{figures: f}
	for _, one := range catalog {
		kind := prometheus.CounterValue
		if one.Kind == Gauge {
			kind = prometheus.GaugeValue
		}
		help := one.Help
		if one.Service != "" {
			help += " The service's name is " + one.Service + "."
		}
		c.kinds = append(c.kinds, kind)
		c.descs = append(c.descs, prometheus.NewDesc(one.Prometheus(), help, one.Labels, nil))
	}
	return c
}

// A collector gives the figures of catalog in the form of Prometheus.
type collector struct {
	figures *Figures
	descs   []*prometheus.Desc
	kinds   []prometheus.ValueType
}

// Describe sends all that there can be.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d
	}
}

// Collect sends the figures of this moment.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	var pairs []*dto.LabelPair // of the thing whose figures come one after the other
	var of *string
	c.figures.emit(func(i int, labels []string, v float64) {
		if of != &labels[0] {
			of, pairs = &labels[0], labelPairs(catalog[i].Labels, labels)
		}
		to <- &sample{c.descs[i], c.kinds[i], pairs, v}
	})
}

// labelPairs returns labels by name, as a registry wants them.
func labelPairs(names, values []string) []*dto.LabelPair {
	pairs := make([]*dto.LabelPair, len(names))
	for i := range names {
		value := label(values[i])
		pairs[i] = &dto.LabelPair{Name: &names[i], Value: &value}
	}
	slices.SortFunc(pairs, func(a, b *dto.LabelPair) int { return strings.Compare(*a.Name, *b.Name) })
	return pairs
}

// A sample is a value with labels that it shares with others of the same thing:
// making them anew for each is a quarter of a scrape.
type sample struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []*dto.LabelPair
	value  float64
}

// Desc returns what it is a value of.
func (s *sample) Desc() *prometheus.Desc { return s.desc }

// Write fills in the value as a registry wants it.
func (s *sample) Write(out *dto.Metric) error {
	out.Label = s.labels
	if s.kind == prometheus.CounterValue {
		out.Counter = &dto.Counter{Value: &s.value}
	} else {
		out.Gauge = &dto.Gauge{Value: &s.value}
	}
	return nil
}
