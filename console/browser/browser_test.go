// Package browser tests the console in a real browser. The script run beside it
// brings what is needed, and is what starts it: without a browser there is
// nothing to test with, and the tests are skipped.
package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A tab is a page of the browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu     sync.Mutex
	errors []string // what its scripts and its policy complained about
}

var browser struct {
	once sync.Once
	ctx  context.Context
	end  func()
}

func TestMain(m *testing.M) {
	status := m.Run()
	if browser.end != nil {
		browser.end()
	}
	os.Exit(status)
}

func startBrowser() {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(os.Getenv("CHROMIUM")), chromedp.NoSandbox,
		chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("font-render-hinting", "none"), chromedp.Flag("hide-scrollbars", true))
	allocator, endAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, end := chromedp.NewContext(allocator)
	browser.ctx, browser.end = ctx, func() { end(); endAllocator() }
	if err := chromedp.Do(ctx); err != nil {
		panic(err)
	}
}

// newTab opens a page of the one browser of all tests.
func newTab(t *testing.T) *tab {
	t.Helper()
	if os.Getenv("CHROMIUM") == "" {
		t.Skip("CHROMIUM names no browser: console/browser/run brings one")
	}
	browser.once.Do(startBrowser)
	ctx, cancel := chromedp.NewContext(browser.ctx)
	require.NoError(t, chromedp.Do(ctx))
	limited, cancelTime := context.WithTimeout(ctx, 100*time.Second)
	tb := &tab{t: t, ctx: limited}
	tb.do(chromedp.Func(func(_ context.Context, target *chromedp.Target) error {
		go hear(tb, target, runtime.ExceptionThrown, func(e runtime.EventExceptionThrown) string { return e.ExceptionDetails.Text })
		go hear(tb, target, log.EntryAdded, func(e log.EventEntryAdded) string {
			if e.Entry.Level != log.EntryLevelError || strings.Contains(e.Entry.Text, "status of 4") {
				return "" // pages that say what is not possible
			}
			return e.Entry.Text + " " + e.Entry.URL
		})
		_, err := cdp.Call(limited, target, log.Enable, cdp.Empty{})
		return err
	}))
	t.Cleanup(func() {
		cancelTime()
		cancel()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		assert.Empty(t, tb.errors, "what the browser complained about")
	})
	return tb
}

// hear takes down what is an error of the events of a kind, until the page is
// closed.
func hear[E any](tb *tab, target *chromedp.Target, kind cdp.Event[E], textOf func(E) string) {
	for e, err := range cdp.Events(tb.ctx, target, kind) {
		if err != nil {
			return
		}
		if text := textOf(e); text != "" {
			tb.mu.Lock()
			tb.errors = append(tb.errors, text)
			tb.mu.Unlock()
		}
	}
}

// expect forgets complaints that are to be expected, of which there must be one.
func (tb *tab) expect(part string) {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	n := len(tb.errors)
	tb.errors = slices.DeleteFunc(tb.errors, func(s string) bool { return strings.Contains(s, part) })
	assert.Less(tb.t, len(tb.errors), n, "the browser did not complain of the %s", part)
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.ctx, steps...))
}

// get returns what an action does.
func get[T any](tb *tab, a chromedp.Action[T]) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, a)
	require.NoError(tb.t, err)
	return v
}

// value returns what an expression is in the page.
func value[T any](tb *tab, expression string) T {
	tb.t.Helper()
	return get(tb, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// call calls a command of the browser for the page.
func call[P, R any](tb *tab, command cdp.Command[P, R], params P) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, command, params)
		return err
	}))
}

// dress sets the width and the theme.
func (tb *tab) dress(width int, theme string) {
	tb.t.Helper()
	tb.do(chromedp.EmulateViewport(int64(width), 900))
	call(tb, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

func (tb *tab) open(url string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("main")))
}

// text returns what the page says.
func (tb *tab) text() string {
	tb.t.Helper()
	return get(tb, chromedp.Text(chromedp.CSS("main")))
}

// until waits until an expression is true in the page.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	get(tb, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(20*time.Second)))
}

// submit fills in fields of a form and sends it, and waits for the page that
// follows.
func (tb *tab) submit(form string, fields ...string) {
	tb.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		tb.do(chromedp.SetValue(chromedp.CSS(form+" [name="+fields[i]+"]"), fields[i+1]))
	}
	tb.follow(form + " button")
}

// follow clicks on something that leads to another page.
func (tb *tab) follow(selector string) {
	tb.t.Helper()
	_, err := chromedp.RunResponse(tb.ctx, chromedp.Click(chromedp.CSS(selector)))
	require.NoError(tb.t, err)
	tb.do(chromedp.WaitReady(chromedp.CSS("main")))
}

// shoot keeps a picture of the page from its top to its end.
func (tb *tab) shoot(name string) {
	tb.t.Helper()
	keep(tb.t, name, get(tb, chromedp.FullScreenshot(100)))
}

func keep(t *testing.T, name string, png []byte) {
	t.Helper()
	if dir := os.Getenv("WEIR_SHOTS"); dir != "" {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600))
	}
}

// A violation is what the checker of accessibility objects to.
type violation struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// accessible checks the page with axe-core: all rules that it has.
func (tb *tab) accessible(what string) {
	tb.t.Helper()
	script, err := os.ReadFile(os.Getenv("AXE"))
	require.NoError(tb.t, err, "axe-core is brought by console/browser/run")
	tb.do(chromedp.Evaluate[chromedp.Void](string(script)))
	found := value[[]violation](tb, `axe.run().then(r => r.violations.map(v => ({id: v.id, help: v.help,
		nodes: v.nodes.map(n => ({html: n.html, failureSummary: n.failureSummary}))})))`)
	for _, v := range found {
		for _, n := range v.Nodes[:min(len(v.Nodes), 3)] {
			assert.Fail(tb.t, fmt.Sprintf("%s: %s: %s", what, v.ID, v.Help), "%s\n%s", n.HTML, n.Summary)
		}
	}
}

// fits checks that nothing but what is meant to scrolls to the side, and that the
// other pages of a stream are in sight.
func (tb *tab) fits(what string) {
	tb.t.Helper()
	assert.LessOrEqual(tb.t, value[int](tb, "document.documentElement.scrollWidth"), value[int](tb, "document.documentElement.clientWidth"), "%s is wider than the window", what)
	assert.Empty(tb.t, value[[]string](tb, `[...document.querySelectorAll(".tabs a")].filter(a => a.getBoundingClientRect().right > innerWidth).map(a => a.innerText)`), "%s does not show these", what)
}
