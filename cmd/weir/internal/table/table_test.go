package table_test

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/weirstream/weir/cmd/weir/internal/table"
)

func TestTable_String(t *testing.T) {
	tab := table.New("Shards", []string{"shard", "records", "note"}, "note")
	tab.Row("shardId-000000000000", "12,345", "hot")
	tab.Row("b", "1", "")
	tab.Footer("all", "12,346")
	assert.Equal(t, ` Shards
 shard                 records  note
─────────────────────────────────────
 shardId-000000000000   12,345  hot
 b                           1
─────────────────────────────────────
 all                    12,346
`, tab.String())
}

func TestTop(t *testing.T) {
	rows := []int{3, 1, 4, 1, 5}
	assert.Equal(t, rows, table.Top(rows, 5, cmp.Compare[int]))
	assert.Equal(t, []int{5, 4}, table.Top(rows, 2, cmp.Compare[int]))
	assert.Equal(t, []int{3, 1, 4, 1, 5}, rows)
}
