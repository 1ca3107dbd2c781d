package dashboard

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/telemetry"
	"github.com/weirstream/weir/telemetry/internal/everything"
)

// A panel is what a dashboard shows of it.
type panel struct {
	Title   string
	Type    string
	Targets []struct{ Expr, LegendFormat string }
}

// readDashboard returns the panels of weir.json, and the queries of its
// variables.
func readDashboard(t *testing.T) (panels []panel, variables []string) {
	text, err := os.ReadFile("weir.json")
	require.NoError(t, err)
	var d struct {
		Panels     []panel
		Templating struct {
			List []struct {
				Type       string
				Definition string
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &d))
	for _, v := range d.Templating.List {
		if v.Type == "query" {
			variables = append(variables, v.Definition)
		}
	}
	return d.Panels, variables
}

// Each query of the dashboard gives something over what the collector gave at
// two moments, and has the labels that its legend names.
func TestDashboard_queriesHaveAnswers(t *testing.T) {
	db := teststorage.New(t)
	system := everything.New(t)
	const step = 15 * time.Second
	begin := time.Unix(1_800_000_000, 0)
	for i := range 5 {
		system.Put(t, 100)
		list, err := system.Queue.Receive(t.Context(), 10)
		require.NoError(t, err)
		require.NoError(t, list[0].Ack(t.Context()))
		scrape(t, system.Figures, db, begin.Add(time.Duration(i)*step))
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, LookbackDelta: time.Minute, Parser: parser.NewParser(parser.Options{})})
	panels, variables := readDashboard(t)
	n := 0
	for _, p := range panels {
		require.True(t, p.Type == "row" || len(p.Targets) > 0, p.Title)
		for _, target := range p.Targets {
			n++
			expr := strings.NewReplacer("$stream", ".*", "$group", ".*", "$__rate_interval", "1m").Replace(target.Expr)
			q, err := engine.NewInstantQuery(t.Context(), db, nil, expr, begin.Add(4*step))
			require.NoError(t, err, "%s: %s", p.Title, expr)
			result := q.Exec(t.Context())
			require.NoError(t, result.Err, "%s: %s", p.Title, expr)
			vector, err := result.Vector()
			require.NoError(t, err)
			if assert.NotEmpty(t, vector, "%s: %s", p.Title, expr) {
				for _, name := range legendLabels(target.LegendFormat) {
					has := func(s promql.Sample) bool { return s.Metric.Get(name) != "" }
					assert.True(t, slices.ContainsFunc(vector, has), "%s: %s has no label %s", p.Title, expr, name)
				}
			}
			q.Close()
		}
	}
	assert.Greater(t, n, 30)
	for _, v := range variables {
		metric, label, ok := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(v, "label_values("), ")"), ", ")
		require.True(t, ok, v)
		q, err := engine.NewInstantQuery(t.Context(), db, nil, fmt.Sprintf("count by (%s) (%s)", label, metric), begin.Add(4*step))
		require.NoError(t, err)
		vector, err := q.Exec(t.Context()).Vector()
		require.NoError(t, err)
		if assert.NotEmpty(t, vector, v) {
			assert.NotEmpty(t, vector[0].Metric.Get(label), v)
		}
		q.Close()
	}
}

// legendLabels returns the labels that a legend names.
func legendLabels(legend string) (names []string) {
	for {
		_, rest, found := strings.Cut(legend, "{{")
		if !found {
			return names
		}
		name, rest, _ := strings.Cut(rest, "}}")
		names, legend = append(names, name), rest
	}
}

// scrape stores what the collector gives.
func scrape(t *testing.T, f *telemetry.Figures, db storage.Appendable, at time.Time) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Collector())
	families, err := registry.Gather()
	require.NoError(t, err)
	app := db.Appender(context.Background())
	for _, family := range families {
		for _, m := range family.Metric {
			_, err := app.Append(0, labelsOf(family.GetName(), m), at.UnixMilli(), m.GetGauge().GetValue()+m.GetCounter().GetValue())
			require.NoError(t, err)
		}
	}
	require.NoError(t, app.Commit())
}

func labelsOf(name string, m *dto.Metric) labels.Labels {
	b := labels.NewBuilder(labels.EmptyLabels()).Set("__name__", name)
	for _, l := range m.Label {
		b.Set(l.GetName(), l.GetValue())
	}
	return b.Labels()
}
