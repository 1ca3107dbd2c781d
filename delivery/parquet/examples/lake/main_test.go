package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	library "github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir"
)

// What is printed is right, and each sale is in the lake once, in the partition
// where it belongs, as it was put.
func TestRun_eachSaleOnce(t *testing.T) {
	const sales = 20000
	var out strings.Builder
	dir := t.TempDir()
	require.NoError(t, run(t.Context(), &out, dir, sales))
	assert.Equal(t, `20000 sales are in 96 files
all day in all countries, of 96 files: boots 174524.72 hats 172093.91 socks 173721.54
from 18 to 20 o'clock in de, of 2 files: boots 3622.50 hats 3799.31 socks 3097.47
`, out.String())

	s, err := weir.NewStream("sales", weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	require.NoError(t, sell(t.Context(), s, sales))
	put, evening := map[string]sale{}, map[string]int{}
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		var one sale
		require.NoError(t, json.Unmarshal(r.Data, &one))
		put[one.ID] = one
		if h := one.At.Hour(); one.Country == "de" && (h == 18 || h == 19) {
			evening[one.Item] += one.Cents
		}
	}
	assert.Equal(t, map[string]int{"boots": 362250, "hats": 379931, "socks": 309747}, evening)

	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.parquet"))
	require.NoError(t, err)
	n := 0
	for _, file := range files {
		rows, err := library.ReadFile[struct {
			ID      string `parquet:"id"`
			At      int64  `parquet:"at"`
			Country string `parquet:"country"`
			Item    string `parquet:"item"`
			Cents   int64  `parquet:"cents"`
		}](file)
		require.NoError(t, err)
		for _, row := range rows {
			want, ok := put[row.ID]
			require.True(t, ok, "%s is there once", row.ID)
			delete(put, row.ID)
			assert.Equal(t, want.At.UnixMicro(), row.At)
			assert.Equal(t, []any{want.Country, want.Item, int64(want.Cents)}, []any{row.Country, row.Item, row.Cents})
			assert.Contains(t, file, filepath.Join("country="+want.Country, "hour="+want.At.Format("15")))
			n++
		}
	}
	assert.Equal(t, sales, n)
	assert.Empty(t, put)
}
