package browser

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirstream/weir/console"
)

// serve starts weir serve, and returns where its console is.
func serve(t *testing.T, flags ...string) string {
	t.Helper()
	if os.Getenv("WEIR") == "" {
		t.Skip("WEIR names no program: console/browser/run builds one")
	}
	c := exec.Command(os.Getenv("WEIR"), append([]string{"serve", "--listen", "127.0.0.1:0", "--delay", "0s"}, flags...)...)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() {
		assert.NoError(t, c.Process.Signal(os.Interrupt))
		assert.NoError(t, c.Wait())
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]) + "/_weir/"
}

// Each change is made as a person makes it: by what there is to click on.
func TestActions(t *testing.T) {
	base := serve(t, "--stream", "orders:2")
	tb := newTab(t)
	tb.dress(wide, "light")

	tb.open(base)
	tb.follow("a.button")
	tb.submit("form.form", "name", "by-hand", "shards", "2")
	assert.Contains(t, tb.text(), "aws kinesis create-stream --stream-name by-hand --shard-count 2 --endpoint-url "+strings.TrimSuffix(base, "/_weir/"))
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Create by-hand")
	tb.shoot("action-created")

	tb.open(base + "records?name=by-hand")
	tb.submit("form[method=post]", "key", "customer-1", "data", `{"kind":"order","n":1}`)
	assert.Contains(t, tb.text(), "Done: Put a record into by-hand, in shardId-")
	assert.Contains(t, tb.text(), `{"kind":"order","n":1}`)
	tb.follow("table.records a")
	assert.Contains(t, tb.text(), "\"kind\": \"order\",\n")
	tb.shoot("action-record")

	tb.open(base + "shards?name=by-hand")
	// A quarter of the way is the middle of the first of two shards.
	box := get(tb, chromedp.Dimensions(chromedp.CSS("#map .map")))
	x, y := box.Content[0]+float64(box.Width)*3/8, box.Content[1]+20
	_, err := chromedp.RunResponse(tb.ctx, chromedp.MouseClickXY(x, y))
	require.NoError(t, err)
	tb.do(chromedp.WaitReady(chromedp.CSS("button.primary")))
	assert.Regexp(t, `The lower child gets 7(4\.[89]|5\.[012]) %`, tb.text(), "to a pixel")
	tb.shoot("action-split")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Split shardId-000000000000 of by-hand")
	assert.Contains(t, tb.text(), "3 open, 1 closed")
	tb.follow(`a[href*="do=merge"][href*="lower=shardId-000000000002"]`)
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Merge shardId-000000000002 and shardId-000000000003")
	tb.submit(`form[aria-labelledby=resize-title]`, "target", "4")
	assert.Contains(t, tb.text(), "2 splits and 0 merges lead from 2 open shards to 4")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "4 open, 5 closed")
	tb.shoot("action-resized")

	tb.open(base + "settings?name=by-hand")
	tb.submit("form:has([value=retention])", "hours", "48")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Keep records for 48 h")
	tb.follow("form:has([value=mode]) button")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Switch to on-demand mode")

	tb.open(base + "readers?name=by-hand")
	tb.submit("form:has([value=register])", "consumer", "audit")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Register consumer audit")
	tb.follow(`a[href*="do=deregister"]`)
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "Done: Deregister consumer audit")

	tb.open(base + "settings?name=by-hand")
	tb.follow("button.danger")
	tb.submit("main form", "typed", "by-han")
	assert.Contains(t, tb.text(), "type by-hand into the field")
	tb.submit("main form", "typed", "by-hand")
	assert.Contains(t, tb.text(), "Done: Delete by-hand")
	assert.NotContains(t, value[string](tb, "document.querySelector('#streams').innerText"), "by-hand")
}

// The command of a change is copied by its button, which the keyboard reaches and a
// live region answers. Where the browser refuses, the command is selected.
func TestCommand_isCopied(t *testing.T) {
	base := empty(t).serve()
	tb := newTab(t)
	const said = `document.querySelector(".command [role=status]").textContent`
	press := func(theme string, allowed cdpbrowser.PermissionSetting) {
		tb.dress(wide, theme)
		for _, name := range []string{"clipboard-read", "clipboard-write"} {
			call(tb, cdpbrowser.SetPermission, cdpbrowser.SetPermissionParams{Permission: &cdpbrowser.PermissionDescriptor{Name: name}, Setting: allowed})
		}
		tb.open(base + "change?do=resize&name=orders&target=2")
		assert.Empty(t, value[string](tb, said))
		tb.do(chromedp.Focus(chromedp.CSS(".command pre")), chromedp.KeyEvent("\t"))
		assert.Equal(t, "Copy the command", value[string](tb, "document.activeElement.textContent"))
		tb.do(chromedp.KeyEvent("\r"))
		tb.until(said + ` !== ""`)
	}
	for _, theme := range themes {
		press(theme, cdpbrowser.PermissionSettingGranted)
		assert.Equal(t, "Copied", value[string](tb, said))
		assert.Equal(t, value[string](tb, `document.querySelector(".command code").textContent`), value[string](tb, "navigator.clipboard.readText()"))
		assert.Contains(t, value[string](tb, "navigator.clipboard.readText()"), "aws kinesis update-shard-count --stream-name orders --target-shard-count 2 ")
		tb.accessible("copied")
		tb.shoot("action-copied-" + theme)

		press(theme, cdpbrowser.PermissionSettingDenied)
		assert.Equal(t, "Selected: press Ctrl+C, or Command+C on a Mac", value[string](tb, said))
		assert.Equal(t, value[string](tb, `document.querySelector(".command code").textContent`), value[string](tb, "getSelection().toString()"))
		assert.Equal(t, "Copy the command", value[string](tb, "document.activeElement.textContent"), "the focus stays")
		tb.accessible("selected")
		tb.shoot("action-selected-" + theme)
	}

	// An address that is no secure context has no clipboard at all. What is pressed
	// again is said again.
	tb.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", {value: undefined}); getSelection().removeAllRanges();
		window.heard = []; new MutationObserver(() => heard.push(document.querySelector(".command [role=status]").textContent)).observe(document.querySelector(".command [role=status]"), {childList: true})`))
	tb.do(chromedp.KeyEvent("\r"))
	tb.until(`heard.length === 2`)
	assert.Equal(t, []string{"", "Selected: press Ctrl+C, or Command+C on a Mac"}, value[[]string](tb, "heard"))
	assert.NotEmpty(t, value[string](tb, "getSelection().toString()"))

	call(tb, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	tb.open(base + "change?do=resize&name=orders&target=2")
	assert.Contains(t, tb.text(), "aws kinesis update-shard-count")
	assert.NotContains(t, tb.text(), "Copy", "without scripts it would do nothing")
}

// A change can be made without a mouse: what it takes is reached by the tab key, is
// seen to be, and is in the order in which it stands.
func TestActions_byKeyboard(t *testing.T) {
	base := empty(t).serve()
	tb := newTab(t)
	tb.dress(narrow, "dark")
	tb.open(base + "stream?name=orders")
	var passed []string
	reach := func(what string) {
		for range 60 {
			tb.do(chromedp.KeyEvent("\t"))
			at := value[string](tb, `(e => e.name || e.textContent.trim())(document.activeElement)`)
			assert.True(t, value[bool](tb, `(e => getComputedStyle(e).outlineStyle !== "none")(document.activeElement)`), "the focus on %q is not seen", at)
			if passed = append(passed, at); at == what {
				return
			}
		}
		require.Fail(t, what+" is not reached", "%q", passed)
	}
	press := func(key, until string) {
		_, err := chromedp.RunResponse(tb.ctx, chromedp.KeyEvent(key))
		require.NoError(t, err)
		tb.do(chromedp.WaitReady(chromedp.CSS("main")))
		assert.Contains(t, tb.text(), until)
	}
	reach("Shards")
	assert.Equal(t, []string{"Skip to the content", "weir", "Pause", "Overview", "Shards"}, passed)
	press("\r", "Show the plan")
	reach("Skip to the content")
	tb.do(chromedp.KeyEvent("\r"))
	reach("target")
	assert.Equal(t, "target", passed[len(passed)-1])
	assert.Equal(t, "Skip to the content", passed[len(passed)-2], "past header and pages, and past the map, which the table stands for")
	press("\r", "1 split and 0 merges lead from 1 open shard to 2.")
	reach("Resize the stream")
	press("\r", "Done: Resize to 2 shards: orders")
	reach("Split shardId-000000000001")
	press("\r", "The lower child gets 50.0 %")
	reach("25.0 %")
	press("\r", "The lower child gets 25.0 %")
	reach("Cancel")
	press("\r", "2 open, 1 closed")
}

// A page of another origin can neither make a change nor show ours in a frame.
func TestActions_refusedToOtherPages(t *testing.T) {
	base := serve(t, "--stream", "orders:1")
	tb := newTab(t)
	sc := empty(t)
	elsewhere := sc.serve() // another port is another origin
	tb.open(elsewhere)
	defer tb.expect("Content Security Policy")
	status := value[int](tb, fmt.Sprintf(`fetch(%q, {method: "POST", mode: "no-cors", body: new URLSearchParams({do: "put", name: "orders", key: "k", data: "x"})}).then(() => 1, () => 0)`, base+"change"))
	assert.Zero(t, status, "its own policy lets a page of the console call nobody else")
	r, err := http.PostForm(base+"change", map[string][]string{"do": {"put"}, "name": {"orders"}, "key": {"k"}, "data": {"x"}})
	require.NoError(t, err)
	r.Body.Close()
	assert.Equal(t, http.StatusForbidden, r.StatusCode)
}

// A page that is looked at follows what happens, until it is told to pause.
func TestLive_followsWhatHappens(t *testing.T) {
	sc := empty(t)
	base := sc.serve()
	tb := newTab(t)
	tb.dress(wide, "dark")
	tb.open(base + "stream?name=orders")
	tb.until(`document.querySelector("#follow").innerText.trim() === "live"`)
	assert.Contains(t, tb.text(), "Nothing was put in the last minute")
	sc.work(sc.streams[0], 12, 0, func(int) int { return 400 })
	tb.until(`document.querySelector("#cards").innerText.includes("400")`)
	tb.until(`document.querySelector("#verdict").innerText.includes("40 % of its limit")`)
	tb.shoot("live")

	tb.do(chromedp.Click(chromedp.CSS("#pause")))
	tb.until(`document.querySelector("#follow").innerText.trim() === "paused"`)
	before := tb.text()
	sc.work(sc.streams[0], 12, 0, func(int) int { return 800 })
	time.Sleep(1500 * time.Millisecond) // more than a look takes
	assert.Equal(t, before, tb.text())
	tb.do(chromedp.Click(chromedp.CSS("#pause")))
	tb.until(`document.querySelector("#cards").innerText.includes("800")`)

	tb.open(base + "records?name=orders&follow=1")
	put(t, sc.streams[0], 1, 4242, 0)
	tb.until(`document.querySelector("#records").innerText.includes("\"id\":4242")`)
}

// A page whose parts change is another page: that of a stream that was being created
// becomes its overview, unless somebody is filling in a form.
func TestLive_followsWhatAPageBecomes(t *testing.T) {
	sc := empty(t)
	sc.queues = nil
	base := sc.serve()
	tb := newTab(t)
	tb.open(base + "readers?name=orders")
	tb.until(`document.querySelector("#follow").innerText.trim() === "live"`)
	tb.do(chromedp.SendKeys(chromedp.CSS("[name=consumer]"), "audit"))
	sc.setQueues(console.Queue{Name: "mail", Look: func(context.Context) (console.QueueState, error) { return console.QueueState{}, nil }})
	tb.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur(); window.same = true`))
	sc.work(sc.streams[0], 1, 0, func(int) int { return 4 })
	time.Sleep(2500 * time.Millisecond) // more than two looks take
	assert.True(t, value[bool](tb, "window.same === true"), "what was typed is not taken away")
	tb.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("[name=consumer]").value = ""`))
	tb.until(`document.querySelector("#queues")?.innerText.includes("mail")`)

	live := serve(t, "--delay", "1500ms")
	tb.open(live + "new")
	tb.submit("form.form", "name", "later", "shards", "1")
	tb.follow("button.primary")
	assert.Contains(t, tb.text(), "There is nothing to show until the stream is active")
	tb.until(`document.querySelector("main").innerText.includes("Records in") && document.querySelector(".tabs").innerText.includes("Readers")`)
	assert.Contains(t, tb.text(), "Done: Create later")
	assert.Contains(t, tb.text(), "aws kinesis create-stream --stream-name later")
}

// Everything can be reached by the keyboard, and the focus stays where it was when
// the page changes under it.
func TestLive_keepsTheFocus(t *testing.T) {
	sc := shop(t)
	base := sc.serve()
	tb := newTab(t)
	tb.dress(wide, "light")
	tb.open(base + "shards?name=orders&sort=id")
	tb.do(chromedp.KeyEvent("\t"))
	assert.Equal(t, "Skip to the content", value[string](tb, "document.activeElement.innerText"))
	tb.do(chromedp.Focus(chromedp.CSS("#rows tbody a")))
	sc.work(sc.streams[2], 3, 0, func(int) int { return 4000 })
	before := value[string](tb, `document.querySelector("#rows").innerText`)
	sc.work(sc.streams[2], 12, 0, func(int) int { return 800 })
	tb.until(fmt.Sprintf(`document.querySelector("#rows").innerText !== %q`, before))
	assert.Equal(t, "shardId-000000000000", value[string](tb, "document.activeElement.innerText"))
}
