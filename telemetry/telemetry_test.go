package telemetry_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/weirstream/weir"
	"github.com/weirstream/weir/queue"
	"github.com/weirstream/weir/telemetry"
	"github.com/weirstream/weir/telemetry/internal/everything"
)

// newSystem returns one of everything that n records have gone through.
func newSystem(t *testing.T, n int) *everything.System {
	s := everything.New(t)
	s.Put(t, n)
	return s
}

// gather returns what Prometheus gets, by name and labels.
func gather(t testing.TB, f *telemetry.Figures) map[string]float64 {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Collector())
	list, err := registry.Gather()
	require.NoError(t, err)
	values := make(map[string]float64)
	for _, family := range list {
		for _, m := range family.Metric {
			name := family.GetName() + "{"
			for i, l := range m.Label {
				if i > 0 {
					name += ","
				}
				name += l.GetName() + "=" + l.GetValue()
			}
			v := m.GetGauge().GetValue()
			if c := m.GetCounter(); c != nil {
				v = c.GetValue()
			}
			values[name+"}"] = v
		}
	}
	return values
}

func TestFigures_prometheusGetsThem(t *testing.T) {
	const n = 1000
	s := newSystem(t, n)
	got := gather(t, s.Figures)
	snap := s.Stream.Snapshot()
	for name, want := range map[string]float64{
		"weir_stream_incoming_records_total{stream=orders}":                           n,
		"weir_stream_incoming_bytes_total{stream=orders}":                             float64(snap.Total.IncomingBytes),
		"weir_stream_memory_bytes{stream=orders}":                                     float64(snap.MemoryBytes),
		"weir_stream_open_shards{stream=orders}":                                      2,
		"weir_shard_incoming_records_total{shard=shardId-000000000001,stream=orders}": float64(snap.Shards[1].Total.IncomingRecords),
		"weir_shard_open{shard=shardId-000000000000,stream=orders}":                   1,
		"weir_reader_records_behind{reader=tail,stream=orders}":                       n,
		"weir_consumer_active_subscriptions{consumer=billing,stream=orders}":          0,
		"weir_producer_delivered_records_total{producer=checkout,stream=orders}":      n,
		"weir_group_records_total{group=audit,worker=" + workerOf(got, "audit") + "}": n,
		"weir_queue_visible_records{queue=jobs,stream=orders}":                        n,
		"weir_storage_refused{stream=orders}":                                         0,
		"weir_windows_final_results_total{windows=counts}":                            0,
		"weir_delivery_output_objects_total{delivery=lake,output=errors}":             0,
		"weir_trigger_errors_total{trigger=function}":                                 0,
	} {
		v, there := got[name]
		assert.True(t, there, name)
		assert.Equal(t, want, v, name)
	}
	assert.Positive(t, got["weir_stream_busiest_second_records{stream=orders}"])
	assert.Positive(t, got["weir_storage_written_bytes_total{stream=orders}"])
	assert.Positive(t, got["weir_producer_latency_p99_seconds{producer=checkout,stream=orders}"])
}

// workerOf returns the worker of a group.
func workerOf(values map[string]float64, group string) string {
	for name := range values {
		if rest, ok := strings.CutPrefix(name, "weir_group_records_total{group="+group+",worker="); ok {
			return strings.TrimSuffix(rest, "}")
		}
	}
	return ""
}

// All that the catalog has is given out by a system that has everything, by the
// names that Prometheus recommends.
func TestCatalog_isWhatIsGivenOut(t *testing.T) {
	s := newSystem(t, 10)
	there := make(map[string]bool)
	for name := range gather(t, s.Figures) {
		there[name[:strings.IndexByte(name, '{')]] = true
	}
	for _, f := range telemetry.Catalog() {
		assert.True(t, there[f.Prometheus()], f.Prometheus())
		delete(there, f.Prometheus())
		assert.True(t, strings.HasSuffix(f.Help, "."), f.Help)
	}
	assert.Empty(t, there)
	problems, err := testutil.CollectAndLint(s.Figures.Collector())
	require.NoError(t, err)
	assert.Equal(t, []promlint.Problem(nil), problems)
}

// observed returns what OpenTelemetry gets, by name and attributes as gather does,
// and the units of the instruments.
func observed(t *testing.T, reader metric.Reader) (values map[string]float64, units map[string]string) {
	var out metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &out))
	values, units = make(map[string]float64), make(map[string]string)
	for _, scope := range out.ScopeMetrics {
		for _, m := range scope.Metrics {
			units[m.Name] = m.Unit
			var points []metricdata.DataPoint[float64]
			switch data := m.Data.(type) {
			case metricdata.Sum[float64]:
				assert.True(t, data.IsMonotonic, m.Name)
				points = data.DataPoints
			case metricdata.Gauge[float64]:
				points = data.DataPoints
			}
			for _, p := range points {
				var labels []string
				for _, a := range p.Attributes.ToSlice() { // sorted
					labels = append(labels, string(a.Key)+"="+a.Value.AsString())
				}
				values[m.Name+"{"+strings.Join(labels, ",")+"}"] = p.Value
			}
		}
	}
	return values, units
}

// All series of a system that has everything are the same in both, but for what
// changes while they are compared.
func TestFigures_openTelemetryGetsTheSame(t *testing.T) {
	s := newSystem(t, 100)
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader))
	registration, err := s.Figures.Observe(provider.Meter("weir"))
	require.NoError(t, err)
	before := gather(t, s.Figures)
	values, units := observed(t, reader)
	after := gather(t, s.Figures)
	alike := 0
	for _, f := range telemetry.Catalog() {
		assert.Equal(t, f.Unit, units[f.OpenTelemetry()], f.OpenTelemetry())
		for series, v := range before {
			labels, is := strings.CutPrefix(series, f.Prometheus()+"{")
			if !is {
				continue
			}
			got, there := values[f.OpenTelemetry()+"{"+labels]
			assert.True(t, there, series)
			if v == after[series] {
				assert.Equal(t, v, got, series)
				alike++
			}
		}
	}
	assert.Len(t, values, len(before))
	assert.Greater(t, alike, len(before)/2)
	require.NoError(t, registration.Unregister())
	values, _ = observed(t, reader)
	assert.Empty(t, values)
}

// The SDK of OpenTelemetry adds up what has more than 2,000 sets of attributes: it
// has to be told to give each shard of so many.
func TestFigures_openTelemetryGetsManyShards(t *testing.T) {
	const shards = 2500
	s, err := weir.NewStream("orders", weir.Config{Shards: shards})
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.StreamByShard(s)))
	reader := metric.NewManualReader()
	provider := metric.NewMeterProvider(metric.WithReader(reader), metric.WithCardinalityLimit(0))
	_, err = f.Observe(provider.Meter("weir"))
	require.NoError(t, err)
	values, _ := observed(t, reader)
	open := 0
	for series, v := range values {
		if strings.HasPrefix(series, "weir.shard.open{") {
			open += int(v)
		}
	}
	assert.Equal(t, shards, open)
	assert.Len(t, values, len(gather(t, f)))
}

func TestFigures_sourcesAreThereOnce(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.Stream(s)))
	require.ErrorIs(t, f.Add(telemetry.StreamByShard(s)), telemetry.ErrSource)
	assert.EqualError(t, f.Add(telemetry.Stream(s)), `telemetry source: stream "orders" is there already`)
	require.ErrorIs(t, f.Add(telemetry.Stream(nil)), telemetry.ErrSource)
	require.ErrorIs(t, f.Add(telemetry.Group(nil)), telemetry.ErrSource)
	require.ErrorIs(t, f.Add(telemetry.Producer("p", nil)), telemetry.ErrSource)
	require.ErrorIs(t, f.Add(telemetry.Queue(nil)), telemetry.ErrSource)
	require.ErrorIs(t, f.Add(telemetry.Queue(new(queue.Queue))), telemetry.ErrSource)
	assert.NotEmpty(t, gather(t, f))
	f.Remove(telemetry.Stream(s), telemetry.Group(nil))
	assert.Empty(t, gather(t, f))
	require.NoError(t, f.Add(telemetry.Stream(s)))
}

// Names of readers need not be different, those of Prometheus' labels must be.
func TestStream_readersOfOneNameAreOne(t *testing.T) {
	s, err := weir.NewStream("orders", weir.Config{})
	require.NoError(t, err)
	for range 3 {
		r, err := s.NewReader("tail", weir.TrimHorizon())
		require.NoError(t, err)
		defer r.Close()
	}
	_, err = s.PutRecord(t.Context(), "k", []byte("data"))
	require.NoError(t, err)
	f := telemetry.NewFigures()
	require.NoError(t, f.Add(telemetry.Stream(s)))
	assert.EqualValues(t, 3, gather(t, f)["weir_reader_records_behind{reader=tail,stream=orders}"])
}

// docs/telemetry.md has the figures with the service's names.
func TestCatalog_isDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `(weir_[a-z0-9_]+)` \\| .*$").FindAllStringSubmatch(string(text), -1)
	documented := make(map[string]string)
	for _, r := range rows {
		documented[r[1]] = r[0]
	}
	for _, f := range telemetry.Catalog() {
		row := documented[f.Prometheus()]
		assert.Equal(t, tableRow(f), row)
		delete(documented, f.Prometheus())
	}
	assert.Empty(t, documented, "documented, but not there")
}

// The endpoint of weir serve has figures of streams too: the same, so that what is
// made for one shows the other.
func TestCatalog_hasWhatTheServerHas(t *testing.T) {
	text, err := os.ReadFile("../aws/kinesisserver/metrics_streams.go")
	require.NoError(t, err)
	rows := regexp.MustCompile(`\{"(weir_stream_\w+)", "([^"]+)", prometheus\.(Counter|Gauge)Value,`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, rows, 12)
	catalog := make(map[string]telemetry.Figure)
	for _, f := range telemetry.Catalog() {
		catalog[f.Prometheus()] = f
	}
	for _, r := range rows {
		f := catalog[r[1]]
		assert.Equal(t, r[2], f.Help, r[1])
		assert.Equal(t, strings.ToLower(r[3]), f.Kind.String(), r[1])
	}
}

func tableRow(f telemetry.Figure) string {
	service := f.Service
	if service == "" {
		service = "–"
	}
	return fmt.Sprintf("| `%s` | %v | %s | %s | %s |", f.Prometheus(), f.Kind, strings.Join(f.Labels, ", "), service, f.Help)
}

// docs/telemetry.md says what packages log; their source has those messages, at
// those levels, and no partition key beside.
func TestLog_hasWhatIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/telemetry.md")
	require.NoError(t, err)
	rows := regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\| ([^|`]+) \\| (error|warning|info|debug) \\| ([^|]*)\\|$").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(rows), 30)
	sources := make(map[string]string)
	for _, r := range rows {
		of, message, level := r[1], r[2], map[string]string{"error": "Error", "warning": "Warn", "info": "Info", "debug": "Debug"}[r[3]]
		if sources[of] == "" {
			files, err := filepath.Glob("../" + of + "/*.go")
			require.NoError(t, err)
			for _, f := range files {
				source, err := os.ReadFile(f)
				require.NoError(t, err)
				if !strings.HasSuffix(f, "_test.go") {
					sources[of] += string(source)
				}
			}
		}
		// Some packages have a function log of their own, which warns.
		direct := regexp.MustCompile(`\.` + level + `\("` + regexp.QuoteMeta(message))
		byFunction := regexp.MustCompile(`\.log\("` + regexp.QuoteMeta(message))
		assert.True(t, direct.MatchString(sources[of]) || level == "Warn" && byFunction.MatchString(sources[of]), "%s: %s", of, message)
	}
	logged := regexp.MustCompile(`\.(Error|Warn|Info|Debug)\("[^\n]*\n?[^\n]*"(key|partition key|data)",`)
	for of, source := range sources {
		assert.Empty(t, logged.FindString(source), of)
	}
}
