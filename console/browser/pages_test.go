package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/stretchr/testify/assert"
)

var themes = []string{"light", "dark"}

const (
	wide   = 1280
	middle = 768
	narrow = 360
)

// Every page of a stream at work, in both themes and three widths.
func TestPages_inThemesAndWidths(t *testing.T) {
	sc := shop(t)
	base := sc.serve()
	tb := newTab(t)
	pages := map[string]string{
		"list": "", "stream": "stream?name=orders", "shard": "stream?name=orders&shard=shardId-000000000002", "shards": "shards?name=orders", "readers": "readers?name=orders",
		"records": "records?name=orders&from=time&pos=2026-03-04T10:01:00Z", "follow": "records?name=orders&follow=1", "keys": "keys?name=orders", "settings": "settings?name=orders", "new": "new",
		"split": "change?do=split&name=orders&shard=shardId-000000000002", "resize": "change?do=resize&name=orders&target=12", "delete": "change?do=delete&name=orders",
		"reset": "change?do=reset&to=horizon&group=fulfilment&name=orders", "restore": "change?do=restore&queue=invoices&name=orders", "missing": "stream?name=none",
	}
	for name, path := range pages {
		for _, theme := range themes {
			for _, width := range []int{wide, middle, narrow} {
				tb.dress(width, theme)
				tb.open(base + path)
				what := fmt.Sprintf("shop-%s-%s-%d", name, theme, width)
				tb.fits(what)
				tb.shoot(what)
				if width != middle {
					tb.accessible(what)
				}
			}
		}
	}
}

// What a stream can look like: one shard that is overrun, a thousand, in the
// middle of a reshard, empty, and none at all.
func TestPages_ofStreamsOfAllKinds(t *testing.T) {
	for name, make := range map[string]func(*testing.T) *scene{"one": single, "thousand": thousand, "reshard": reshard, "empty": empty, "nothing": nothing} {
		t.Run(name, func(t *testing.T) {
			sc := make(t)
			base := sc.serve()
			tb := newTab(t)
			pages := map[string]string{"list": ""}
			if len(sc.streams) > 0 {
				for _, page := range []string{"stream", "shards", "keys", "records"} {
					pages[page] = page + "?name=" + sc.streams[0].Name()
				}
			}
			for page, path := range pages {
				for _, theme := range themes {
					for _, width := range []int{wide, narrow} {
						tb.dress(width, theme)
						tb.open(base + path)
						what := fmt.Sprintf("%s-%s-%s-%d", name, page, theme, width)
						tb.fits(what)
						tb.shoot(what)
					}
					tb.accessible(name + " " + page)
				}
			}
		})
	}
}

// Without scripts a page says the same as of when it was loaded.
func TestPages_withoutScripts(t *testing.T) {
	sc := single(t)
	base := sc.serve()
	tb := newTab(t)
	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.dress(wide, "light")
	tb.open(base + "stream?name=payments")
	text := tb.text()
	assert.Contains(t, text, "were throttled in the last minute")
	assert.Contains(t, text, "busiest second 1,400 of 1,000", "a second after a pause has the reserve of one")
	assert.Contains(t, text, "limit 1,000")
	tb.shoot("without-scripts")
}
