package cost_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/cmd/weir/internal/cost"
)

func TestBuiltIn_isAnEstimateWithSources(t *testing.T) {
	p := cost.BuiltIn()
	assert.True(t, p.Estimate)
	assert.NotEmpty(t, p.Sources)
	assert.Equal(t, 0.015, p.Provisioned.ShardHour)
	assert.Equal(t, 0.014, p.Provisioned.PutUnitsMillion)
	assert.Equal(t, 0.08, p.OnDemand.InGB)
}

func TestParsePrices_refuses(t *testing.T) {
	text := string(cost.BuiltInFile())
	for name, tt := range map[string]struct{ old, new, want string }{
		"a price that is missing":  {"  out_gb: 0.04 ", "  # out_gb: 0.04 ", "on_demand.out_gb is missing"},
		"a price that is negative": {"shard_hour: 0.015", "shard_hour: -0.015", "provisioned.shard_hour is -0.015"},
		"a price without end":      {"shard_hour: 0.015", "shard_hour: .inf", "a price is infinite or no number"},
		"a name that is unknown":   {"shard_hour: 0.015", "shard_our: 0.015", "shard_our"},
		"no date":                  {"date: 2026-11-22", "date: yesterday", `date "yesterday" is none`},
		"no name":                  {"name: us-east-1, an estimate", "name: ''", "name is missing"},
		"no currency":              {"currency: USD", "# none", "currency is missing"},
		"months without hours":     {"hours_per_month: 730", "hours_per_month: 0", "hours_per_month is 0"},
		"what is no YAML":          {"provisioned:", "provisioned: [", "prices"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := strings.Replace(text, tt.old, tt.new, 1)
			require.NotEqual(t, text, changed)
			_, err := cost.ParsePrices([]byte(changed))
			require.Error(t, err)
			if name != "what is no YAML" {
				assert.ErrorContains(t, err, tt.want)
			}
		})
	}
}

func TestMoney(t *testing.T) {
	for v, want := range map[float64]string{0: "0.00", 0.004: "< 0.01", 0.005: "0.01", 3285: "3,285.00", 1e6: "1,000,000.00"} {
		assert.Equal(t, want, cost.Money(v), "%v", v)
	}
}

func TestParsePrices_readsJSON(t *testing.T) {
	p := cost.BuiltIn()
	p.Name = "ours"
	got, err := cost.ParsePrices(mustJSON(t, p))
	require.NoError(t, err)
	assert.Equal(t, p, got)
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return text
}
