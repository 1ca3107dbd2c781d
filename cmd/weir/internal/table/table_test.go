package table_test

import (
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
