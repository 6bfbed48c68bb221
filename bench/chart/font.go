//go:build linux

package chart

import (
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
)

var fonts = sync.OnceValue(func() (f struct{ regular, bold *opentype.Font }) {
	f.regular, f.bold = mustParse(goregular.TTF), mustParse(gobold.TTF)
	return f
})

// mustParse parses a font that is compiled in, so a failure is a broken build.
func mustParse(ttf []byte) *opentype.Font {
	f, err := opentype.Parse(ttf)
	if err != nil {
		panic(err)
	}
	return f
}

func face(size float64, bold bool) font.Face {
	f := fonts().regular
	if bold {
		f = fonts().bold
	}
	made, err := opentype.NewFace(f, &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingNone})
	if err != nil {
		panic(err) // only for options that are out of range
	}
	return made
}

// textWidth is the width of a text in pixels.
func textWidth(text string, size float64, bold bool) float64 {
	f := face(size, bold)
	defer f.Close()
	return float64(font.MeasureString(f, text)) / 64
}
