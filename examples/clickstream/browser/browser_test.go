// Package browser opens the shop of the example clickstream in a real browser.
// The script run beside it brings what is needed and starts it: without a
// browser there is nothing to test with, and the test is skipped.
package browser

import (
	"bufio"
	"context"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// open runs the shop, and returns where it is.
func open(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	cmd := exec.Command(os.Getenv("CLICKSTREAM"), "-addr", addr)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Kill())
		cmd.Wait()
	})
	_, err = bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	for {
		c, err := net.DialTimeout("tcp", addr, 10*time.Second)
		if err == nil {
			require.NoError(t, c.Close())
			return "http://" + addr
		}
	}
}

// A tab shows the shop.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func newTab(t *testing.T, browser context.Context, url string) *tab {
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	tb := &tab{t, ctx}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(url)))
	tb.until(`document.getElementById("state").textContent == "connected"`)
	return tb
}

// until waits until an expression is true in the page.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	_, err := chromedp.Run(tb.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second)))
	require.NoError(tb.t, err, expression)
}

// click clicks on the button of an item, one of the shop's or a suggested one.
func (tb *tab) click(below, item string) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.ctx, chromedp.Click(chromedp.Search(`//*[@id="`+below+`"]//button[text()="`+item+`"]`))))
}

// shows waits until the page suggests just those items, in words with a comma
// between.
func (tb *tab) shows(items string) {
	tb.t.Helper()
	tb.until(`[...document.querySelectorAll("#suggestions li")].map(li => li.textContent).join(", ") == "` + items + `"`)
}

// A visitor clicks, and is shown what others looked at; so is somebody else
// whom that concerns, without doing anything.
func TestShop_inABrowser(t *testing.T) {
	if os.Getenv("CHROMIUM") == "" || os.Getenv("CLICKSTREAM") == "" {
		t.Skip("CHROMIUM names no browser: examples/clickstream/browser/run brings one")
	}
	base := open(t)
	ctx, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(os.Getenv("CHROMIUM")), chromedp.NoSandbox)
	ctx, end = chromedp.NewExecAllocator(ctx, options...)
	defer end()
	browser, end := chromedp.NewContext(ctx)
	defer end()
	require.NoError(t, chromedp.Do(browser))

	one, other := newTab(t, browser, base), newTab(t, browser, base)
	one.shows("")
	one.click("items", "tent")
	one.shows("sleeping bag, lantern")
	other.shows("")
	one.click("suggestions", "lantern")
	one.shows("sleeping bag")

	other.click("items", "tent")
	other.shows("sleeping bag, lantern")
	other.click("items", "stove")
	one.shows("sleeping bag, stove")
}
