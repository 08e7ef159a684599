"""The controller's side of H.248: procedures of Iq as named calls, their answers and indications as values.

`elements` are the stage-2 information elements, `iq` writes them as actions and `readings` reads them from replies,
`indications` is what a gateway says unasked, `association` is the control association, `engine` runs procedures.
"""
