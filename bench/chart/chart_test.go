//go:build linux

package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image"
	"image/color"
	"image/png"
	"io"
	"slices"
	"strings"
	"testing"
)

var (
	red  = color.RGBA{200, 0, 0, 255}
	blue = color.RGBA{0, 0, 200, 255}
)

func lines() Lines {
	return Lines{
		Title: "Memory <by> clients & more", Subtitle: "RSS", Footer: "machine\ncommand", XName: "clients", YName: "MB", Unit: "MB",
		Series: []Series{
			{Label: "ours", Color: blue, Bold: true, Marked: true, Points: []Point{{0, 16}, {10000, 24}, {15000, 28}}},
			{Label: "theirs", Color: red, Points: []Point{{0, 58}, {10000, 180}, {15000, 250}}},
			{Label: "far above", Color: red, Points: []Point{{0, 10}, {10000, 600}, {15000, 900}}},
			{Label: "nothing", Color: red},
		},
		Published:     []Published{{Point{10000, 98}, "theirs", red}, {Point{99999, 98}, "ours", blue}},
		PublishedName: "published elsewhere",
	}
}

func bars() Bars {
	return Bars{Title: "CPU", Subtitle: "µs", Footer: "machine", Panels: []Panel{
		{Title: "broadcast", Bars: []Bar{{Label: "ours", Color: blue, Value: 3.25, Min: 3, Max: 4, Bold: true}, {Label: "theirs", Color: red, Value: 12}}},
		{Title: "echo", Bars: []Bar{{Label: "ours", Color: blue, Value: 0}}},
		{Title: "rooms", Bars: []Bar{{Label: "ours", Color: blue, Value: 1234}}},
	}}
}

func TestSVGIsWellFormed(t *testing.T) {
	for name, scene := range map[string]*Scene{"lines": lines().Draw(), "bars": bars().Draw(), "empty": Lines{}.Draw()} {
		var b bytes.Buffer
		if err := scene.EncodeSVG(&b); err != nil {
			t.Fatal(err)
		}
		decoder, elements := xml.NewDecoder(&b), 0
		for {
			token, err := decoder.Token()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, ok := token.(xml.StartElement); ok {
				elements++
			}
		}
		if elements != 2+len(scene.items) {
			t.Errorf("%s: %d elements for %d items", name, elements, len(scene.items))
		}
		if text := b.String(); strings.Contains(text, "NaN") || strings.Contains(text, "Inf") {
			t.Errorf("%s: a place that is no number", name)
		}
	}
}

func TestPNGShowsTheColors(t *testing.T) {
	for name, scene := range map[string]*Scene{"lines": lines().Draw(), "bars": bars().Draw()} {
		var b bytes.Buffer
		if err := scene.EncodePNG(&b); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		if size := img.Bounds().Size(); float64(size.X) != scale*scene.width || float64(size.Y) != scale*scene.height {
			t.Errorf("%s: %v pixels", name, size)
		}
		seen := map[color.RGBA]int{}
		for pixels := img.(*image.RGBA).Pix; len(pixels) > 0; pixels = pixels[4:] {
			seen[color.RGBA{pixels[0], pixels[1], pixels[2], pixels[3]}]++
		}
		for _, c := range []color.RGBA{white, red, blue, ink} {
			if seen[c] < 100 {
				t.Errorf("%s: %d pixels of %v", name, seen[c], c)
			}
		}
	}
}

func texts(s *Scene) (all []string) {
	for _, it := range s.items {
		if l, ok := it.(label); ok {
			all = append(all, l.text)
		}
	}
	return all
}

func TestLinesNameEverySeriesWithItsEnd(t *testing.T) {
	got := texts(lines().Draw())
	for _, want := range []string{"ours  28.0 MB", "theirs  250 MB", "↑ far above  900 MB", "15,000", "published elsewhere", "theirs  98.0", "machine", "command"} {
		if !slices.Contains(got, want) {
			t.Errorf("no text %q in %q", want, got)
		}
	}
}

func TestLabelsAtTheEndsDoNotOverlap(t *testing.T) {
	c := Lines{Unit: "MB"}
	for i := range 12 {
		c.Series = append(c.Series, Series{Label: "s", Color: red, Points: []Point{{0, 0}, {1, 1 + float64(i)/1000}}})
	}
	var at []float64
	for _, it := range c.Draw().items {
		if l, ok := it.(label); ok && strings.HasPrefix(l.text, "s  ") {
			at = append(at, l.at.y)
		}
	}
	slices.Sort(at)
	if len(at) != 12 {
		t.Fatalf("%d labels", len(at))
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < labelGap-0.001 {
			t.Errorf("labels at %v are too close", at)
			break
		}
	}
}

func TestPublishedBeyondTheChartAreLeftOut(t *testing.T) {
	hollow := 0
	for _, it := range lines().Draw().items {
		if m, ok := it.(mark); ok && m.hollow {
			hollow++
		}
	}
	if hollow != 2 { // one figure and the legend's
		t.Errorf("%d hollow marks", hollow)
	}
}

// TestLegendMarkIsAtItsText: with every font the text begins right of the mark
// and ends within the chart.
func TestLegendMarkIsAtItsText(t *testing.T) {
	var at point
	for _, it := range lines().Draw().items {
		if m, ok := it.(mark); ok && m.hollow {
			at = m.at // the legend's is the last
		}
		if l, ok := it.(label); ok && l.text == "published elsewhere" {
			if gap := l.at.x - at.x; l.anchor != left || gap < 8 || gap > 16 || l.at.y-at.y != 4 {
				t.Errorf("the mark is at %v, the text begins at %v", at, l.at)
			}
			if end := l.at.x + textWidth(l.text, l.size, false)*fallback; end > chartWidth-marginRight+0.001 {
				t.Errorf("the text ends at %v", end)
			}
			return
		}
	}
	t.Error("there is no legend")
}

func TestTicks(t *testing.T) {
	for _, tc := range []struct {
		most float64
		want []float64
	}{
		{15000, []float64{0, 2500, 5000, 7500, 10000, 12500, 15000}},
		{250, []float64{0, 50, 100, 150, 200, 250}},
		{251, []float64{0, 50, 100, 150, 200, 250, 300}},
		{0.7, []float64{0, 0.2, 0.4, 0.6000000000000001, 0.8}},
		{0, []float64{0, 1}},
	} {
		if got := ticks(tc.most, 6); !slices.Equal(got, tc.want) {
			t.Errorf("%v: %v, want %v", tc.most, got, tc.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", 2500.5: "2,500.5"} {
		if got := number(v); got != want {
			t.Errorf("%v: %q", v, got)
		}
	}
	for v, want := range map[float64]string{0.944: "0.94", 12.34: "12.3", 1234.4: "1,234"} {
		if got := short(v); got != want {
			t.Errorf("%v: %q", v, got)
		}
	}
}
