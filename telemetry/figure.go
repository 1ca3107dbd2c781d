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
	things []thing // whose figures it gives out; the first one says which source it is
	emit   func(emitter)
}

// String returns its kind and what tells it from others of that kind.
func (s Source) String() string {
	if len(s.things) == 0 {
		return "no source"
	}
	return s.things[0].String()
}

// A thing has figures whose labels begin with its own: two sources must not have
// those of the same one. It is made by thingOf.
type thing struct{ kind, name, within, of string }

// thingOf returns a thing of a kind that has a name, and is one of another if
// that is needed to tell it from others of the name.
func thingOf(kind, name, within, of string) thing {
	return thing{kind, label(name), within, label(of)}
}

func (t thing) String() string {
	if t.within == "" {
		return fmt.Sprintf("%s %q", t.kind, t.name)
	}
	return fmt.Sprintf("%s %q of the %s %q", t.kind, t.name, t.within, t.of)
}

// label returns a value as labels have it: they are UTF-8. Names that differ
// only in what is none are the same.
func label(value string) string { return strings.ToValidUTF8(value, "\uFFFD") }
