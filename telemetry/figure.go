package telemetry

import (
	"fmt"
	"slices"
	"strings"
)

// A Kind says how a figure changes.
type Kind int

const (
	Counter Kind = iota // only grows, from zero on
	Gauge               // goes up and down
)

// String returns "counter" or "gauge".
func (k Kind) String() string {
	if k == Counter {
		return "counter"
	}
	return "gauge"
}

// A Figure is something that is measured.
type Figure struct {
	// Name is its name in parts, such as "stream.incoming_records".
	Name string
	// Service is what the service calls it, empty if it has nothing like it.
	Service string
	Kind    Kind
	// Unit is "s" for seconds, "By" for bytes, "1" for a ratio, or what is counted,
	// in braces, as "{record}"; as in the Unified Code for Units of Measure.
	Unit string
	Help string
	// Labels say whose it is.
	Labels []string
}

// OpenTelemetry returns the name of its instrument, such as
// "weir.stream.incoming_records".
func (f Figure) OpenTelemetry() string { return "weir." + f.Name }

// Prometheus returns the name of its family, such as
// "weir_stream_incoming_records_total".
func (f Figure) Prometheus() string {
	name := "weir_" + strings.ReplaceAll(f.Name, ".", "_")
	switch f.Unit {
	case "s":
		name += "_seconds"
	case "By":
		if !strings.HasSuffix(name, "_bytes") {
			name += "_bytes"
		}
	}
	if f.Kind == Counter {
		name += "_total"
	}
	return name
}

// A family is figures of the same things, each of which is a T.
type family[T any] struct {
	of      string
	labels  []string
	figures []figure[T]
	at      int // of the first one in catalog
}

// A figure is one of a family.
type figure[T any] struct {
	name, service string
	kind          Kind
	unit, help    string
	value         func(*T) float64
}

// catalog has all figures; families add theirs as the program begins.
var catalog []Figure

// familyOf makes a family, and adds its figures to catalog.
func familyOf[T any](of string, labels []string, figures ...figure[T]) *family[T] {
	f := &family[T]{of, labels, figures, len(catalog)}
	for _, one := range figures {
		catalog = append(catalog, Figure{of + "." + one.name, one.service, one.kind, one.unit, one.help, labels})
	}
	return f
}

// emit gives out the figures of one thing.
func (f *family[T]) emit(to emitter, of *T, labels ...string) {
	for i := range f.figures {
		to(f.at+i, labels, f.figures[i].value(of))
	}
}

// An emitter takes a value of the i-th figure of catalog.
type emitter func(i int, labels []string, v float64)

// Catalog returns all figures that there are, in no order that matters.
func Catalog() []Figure { return slices.Clone(catalog) }

// A Source has figures. Functions of this package make them.
type Source struct {
	kind, name string
	emit       func(emitter)
}

func (s Source) String() string { return fmt.Sprintf("%s %q", s.kind, s.name) }
