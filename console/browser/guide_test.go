package browser

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The pictures of docs/console.md. They are made anew where WEIR_GUIDE is set, and
// otherwise it is only looked whether they are there, and small.
func TestGuide_hasPictures(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "console")
	if os.Getenv("WEIR_GUIDE") != "" {
		drawGuide(t, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	require.NoError(t, err)
	assert.Len(t, files, 6)
	var total int64
	for _, f := range files {
		info, err := os.Stat(f)
		require.NoError(t, err)
		total += info.Size()
	}
	assert.Less(t, total, int64(400<<10))
}

func drawGuide(t *testing.T, dir string) {
	tb := newTab(t)
	take := func(base, path, theme, name string, height int64) {
		tb.dress(1100, theme)
		tb.open(base + path)
		tb.do(chromedp.EmulateViewport(1100, height))
		tb.until(`!document.querySelector("#follow") || document.querySelector("#follow").innerText.trim() === "live"`)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), small(t, get(tb, chromedp.CaptureScreenshot())), 0o644))
	}
	shopAt, reshardAt := shop(t).serve(), reshard(t).serve()
	take(shopAt, "", "light", "streams", 380)
	take(shopAt, "stream?name=orders", "light", "overview", 1180)
	take(shopAt, "keys?name=orders", "dark", "keys", 420)
	take(shopAt, "readers?name=orders", "light", "readers", 900)
	take(reshardAt, "shards?name=orders", "dark", "shards", 900)
	take(shopAt, "change?do=split&name=orders&shard=shardId-000000000001", "light", "split", 520)
}

// small returns a picture in 256 colours: those that are there most often, and for
// all others the nearest.
func small(t *testing.T, full []byte) []byte {
	from, err := png.Decode(bytes.NewReader(full))
	require.NoError(t, err)
	often := make(map[color.Color]int)
	for y := from.Bounds().Min.Y; y < from.Bounds().Max.Y; y++ {
		for x := from.Bounds().Min.X; x < from.Bounds().Max.X; x++ {
			often[from.At(x, y)]++
		}
	}
	colours := make(color.Palette, 0, len(often))
	for c := range often {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.Color) int { return cmp.Compare(often[b], often[a]) })
	to := image.NewPaletted(from.Bounds(), colours[:min(len(colours), 256)])
	draw.Draw(to, to.Bounds(), from, from.Bounds().Min, draw.Src)
	var out bytes.Buffer
	require.NoError(t, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to))
	return out.Bytes()
}
