//go:build linux

package chart

import "image/color"

// point is a place in a scene: pixels from the top left corner, before the
// PNG's scale.
type point struct{ x, y float64 }

type anchor uint8

const (
	left anchor = iota
	middle
	right
)

// item is one of line, box, mark and label.
type item interface{ isItem() }

type line struct {
	points []point
	color  color.RGBA
	width  float64
	dash   bool
}

type box struct {
	x, y, w, h float64
	color      color.RGBA
}

type shape uint8

const (
	disc shape = iota
	diamond
)

// mark is a symbol at a point; a hollow one is white inside.
type mark struct {
	at     point
	shape  shape
	radius float64
	color  color.RGBA
	hollow bool
}

type label struct {
	at     point // on the baseline
	text   string
	size   float64
	color  color.RGBA
	anchor anchor
	bold   bool
	turned bool // reads upwards
}

func (line) isItem()  {}
func (box) isItem()   {}
func (mark) isItem()  {}
func (label) isItem() {}

// Scene is a chart laid out, ready for EncodeSVG and EncodePNG.
type Scene struct {
	width, height float64
	items         []item
}

func (s *Scene) add(items ...item) { s.items = append(s.items, items...) }

var (
	white = color.RGBA{255, 255, 255, 255}
	ink   = color.RGBA{32, 33, 36, 255}
	faint = color.RGBA{112, 117, 122, 255}
	grid  = color.RGBA{228, 230, 234, 255}
)
