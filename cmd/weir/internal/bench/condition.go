package bench

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Condition is what a result is to fail for, such as p99>5ms: a metric, one of
// > >= < <= ==, and a number with a unit that fits the metric.
type Condition struct {
	Text   string
	Metric Metric
	Op     string
	Value  float64
}

var conditionForm = regexp.MustCompile(`^\s*([a-z][a-z0-9_.]*)\s*(>=|<=|==|>|<)\s*(\S.*?)\s*$`)

// ParseCondition reads a condition.
func ParseCondition(text string) (Condition, error) {
	parts := conditionForm.FindStringSubmatch(text)
	if parts == nil {
		return Condition{}, fmt.Errorf("%q is no condition such as p99>5ms", text)
	}
	m, err := FindMetric(parts[1])
	if err != nil {
		return Condition{}, err
	}
	v, err := m.parse(parts[3])
	if err != nil {
		return Condition{}, fmt.Errorf("%q: %w", text, err)
	}
	return Condition{Text: strings.TrimSpace(text), Metric: m, Op: parts[2], Value: v}, nil
}

// Check returns an error if the median of the runs meets the condition, or if no run
// measured the metric: nobody could rely on it then.
func (c Condition) Check(runs []*Result) error {
	values := c.Metric.Values(runs)
	if len(values) == 0 {
		return fmt.Errorf("%s: %s was not measured", c.Text, c.Metric.Name)
	}
	v := Median(values)
	if !c.met(v) {
		return nil
	}
	what := c.Metric.Name + " is " + c.Metric.Format(v)
	if len(values) > 1 {
		what += fmt.Sprintf(", the median of %d runs", len(values))
	}
	return fmt.Errorf("%s: %s", c.Text, what)
}

func (c Condition) met(v float64) bool {
	switch c.Op {
	case ">":
		return v > c.Value
	case ">=":
		return v >= c.Value
	case "<":
		return v < c.Value
	case "<=":
		return v <= c.Value
	default:
		return v == c.Value
	}
}

// CheckAll returns the conditions that the runs meet, as one error.
func CheckAll(conditions []Condition, runs []*Result) error {
	var errs []error
	for _, c := range conditions {
		errs = append(errs, c.Check(runs))
	}
	return errors.Join(errs...)
}

// parse reads a number with a unit of the metric.
func (m Metric) parse(text string) (float64, error) {
	switch m.Unit {
	case Nanoseconds:
		return parseTime(text)
	case Bytes:
		return parseNumber(strings.TrimSuffix(text, "/s"), map[string]float64{
			"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
		}, "of bytes, such as 512KiB")
	case Share:
		return parseNumber(text, map[string]float64{"%": 0.01}, "from 0 to 1 or a percentage, such as 0.1%")
	case PerSecond:
		return parseNumber(strings.TrimSuffix(text, "/s"), thousands, "a second, such as 100k or 2500/s")
	default:
		return parseNumber(text, thousands, "such as 1000 or 10k")
	}
}

var thousands = map[string]float64{"k": 1e3, "M": 1e6}

// parseTime reads a time with its unit.
func parseTime(text string) (float64, error) {
	d, err := time.ParseDuration(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		return 0, fmt.Errorf("%q is no time such as 5ms or 1.5s", text)
	}
	return float64(d), nil
}

// parseNumber reads a number with or without one of some units.
func parseNumber(text string, units map[string]float64, want string) (float64, error) {
	number := strings.TrimRight(text, "%BKMGik")
	factor, ok := units[strings.TrimSpace(text[len(number):])]
	if len(number) == len(text) {
		factor, ok = 1, true
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !ok || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no number %s", text, want)
	}
	return v * factor, nil
}
