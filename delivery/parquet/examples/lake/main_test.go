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

func TestRun_deliversAndQueriesADay(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, t.TempDir(), 20000))
	assert.Equal(t, `20000 sales are in 192 files
all day in all countries, of 192 files: boots 174524.72 hats 172093.91 socks 173721.54
from 18 to 20 o'clock in de, of 4 files: boots 3622.50 hats 3799.31 socks 3097.47
`, out.String())
}

// Each sale is in the lake once, in the partition where it belongs, as it was put.
func TestDeliver_eachSaleOnce(t *testing.T) {
	const sales = 300
	s, err := weir.NewStream("sales", weir.Config{Limits: weir.Unlimited()})
	require.NoError(t, err)
	require.NoError(t, sell(t.Context(), s, sales))
	put := map[string]sale{}
	for r, err := range s.Records(t.Context(), weir.TrimHorizon().ToTip()) {
		require.NoError(t, err)
		var one sale
		require.NoError(t, json.Unmarshal(r.Data, &one))
		put[one.ID] = one
	}
	require.Len(t, put, sales)

	dir := t.TempDir()
	require.NoError(t, deliver(t.Context(), s, dir, sales))
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
